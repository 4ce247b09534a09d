#include "base/result.h"

#include <cerrno>

namespace relais {

std::string_view describe(Error error) {
  switch (error) {
    case Error::kAddressInUse:
      return "address already in use";
    case Error::kAddressUnavailable:
      return "no interface has this address";
    case Error::kPermission:
      return "permission denied";
    case Error::kNoDescriptors:
      return "no file descriptors left";
    case Error::kNoBuffers:
      return "no receive buffers left";
    case Error::kNoMemory:
      return "not enough memory";
    case Error::kNoSpace:
      return "no space left on the device";
    case Error::kIo:
      return "input/output error";
    case Error::kNotFound:
      return "no such file or directory";
    case Error::kExists:
      return "already exists";
    case Error::kConnectionRefused:
      return "connection refused";
    case Error::kConnectionReset:
      return "connection reset";
    case Error::kTimedOut:
      return "timed out";
    case Error::kUnreachable:
      return "unreachable";
    case Error::kCanceled:
      return "cancelled";
    case Error::kUnsupported:
      return "not supported here";
    case Error::kCorrupt:
      return "damaged data";
    case Error::kInvalid:
      return "invalid argument";
    case Error::kOther:
      return "unexpected error";
  }
  return "unexpected error";
}

Error error_from_errno(int number) {
  switch (number) {
    case EADDRINUSE:
      return Error::kAddressInUse;
    case EADDRNOTAVAIL:
      return Error::kAddressUnavailable;
    case EACCES:
    case EPERM:
    case EROFS:
      return Error::kPermission;
    case EMFILE:
    case ENFILE:
      return Error::kNoDescriptors;
    case ENOBUFS:
      return Error::kNoBuffers;
    case ENOMEM:
      return Error::kNoMemory;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Error::kNoSpace;
    case EIO:
      return Error::kIo;
    case ENOENT:
    case ENOTDIR:
      return Error::kNotFound;
    case EEXIST:
      return Error::kExists;
    case ECONNREFUSED:
      return Error::kConnectionRefused;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN:
      return Error::kConnectionReset;
    case ETIMEDOUT:
    case ETIME:
      return Error::kTimedOut;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
      return Error::kUnreachable;
    case ECANCELED:
      return Error::kCanceled;
    case EOPNOTSUPP:
    case ENOSYS:
    case EAFNOSUPPORT:
      return Error::kUnsupported;
    case EBADMSG:
      return Error::kCorrupt;
    case EINVAL:
      return Error::kInvalid;
    default:
      return Error::kOther;
  }
}

}  // namespace relais
