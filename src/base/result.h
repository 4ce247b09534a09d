// Errors of the outside world (kernel, disk, peers' sockets) as values.
// Not for our own bugs (see assert.h) and not for what an SMTP peer does (that is a reply or an
// event). errno is translated into this enum inside ring and never travels further.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace relais {

enum class Error : uint8_t {
  kAddressInUse,        // another process listens there
  kAddressUnavailable,  // no interface has this address
  kPermission,          // not allowed: privileged port, file mode, seccomp, sysctl
  kNoDescriptors,       // RLIMIT_NOFILE or the system's table is full
  kNoBuffers,           // a provided-buffer ring ran dry
  kNoMemory,            // kernel memory, or RLIMIT_MEMLOCK
  kNoSpace,             // disk or quota is full
  kIo,                  // EIO and everything that means "the medium failed"
  kNotFound,            // no such file or directory
  kExists,              // already there
  kConnectionRefused,   // nobody listens at the peer
  kConnectionReset,     // the peer or the network dropped the connection
  kTimedOut,            // no answer in time
  kUnreachable,         // no route
  kCanceled,            // we cancelled it ourselves
  kUnsupported,         // the kernel or file system cannot do this
  kCorrupt,             // bytes are not what was written
  kInvalid,             // an argument the kernel refused
  kOther,               // none of the above; the log has the number
};

template <class T>
using Result = std::expected<T, Error>;

// One short English phrase, without a full stop: "address already in use".
[[nodiscard]] std::string_view describe(Error error);

// Linux errno (positive) to Error.
[[nodiscard]] Error error_from_errno(int number);

}  // namespace relais
