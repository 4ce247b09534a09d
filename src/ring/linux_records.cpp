// Records of TLS by Linux's "tls" module (Documentation/networking/tls.rst), which an unprivileged
// process cannot load.
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "ring/linux_kernel.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

namespace relais::ring {
namespace {

constexpr size_t kRecordMax = 16'384;

std::unexpected<Error> refused() { return std::unexpected(error_from_errno(errno)); }

// A connection to ourselves, to try things on.
class Loopback {
 public:
  Loopback() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const where = reinterpret_cast<sockaddr*>(&address);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (::bind(listener_, where, length) == 0 && ::listen(listener_, 1) == 0 &&
        ::getsockname(listener_, where, &length) == 0 &&
        (::connect(fd_, where, length) == 0 || errno == EINPROGRESS)) {
      // A packet filter may drop it.
      constexpr int kWaitMs = 1000;
      pollfd done{.fd = fd_, .events = POLLOUT, .revents = 0};
      connected_ = ::poll(&done, 1, kWaitMs) == 1 && (done.revents & (POLLERR | POLLHUP)) == 0;
    }
  }
  ~Loopback() {
    ::close(fd_);
    ::close(listener_);
  }
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool connected() const { return connected_; }

 private:
  int listener_ = -1;  // holds the other end, which nobody accepts
  int fd_ = -1;
  bool connected_ = false;
};

template <class Info>
int give(int fd, int option, uint16_t cipher, const RecordKey& key) {
  Info info{};
  info.info = {.version = static_cast<uint16_t>(
                   key.kind.version == TlsVersion::kTls12 ? TLS_1_2_VERSION : TLS_1_3_VERSION),
               .cipher_type = cipher};
  static_assert(sizeof info.salt + sizeof info.iv == sizeof key.iv);
  std::memcpy(info.key, key.key.data(), sizeof info.key);
  std::memcpy(info.salt, key.iv.data(), sizeof info.salt);
  std::memcpy(info.iv, key.iv.data() + sizeof info.salt, sizeof info.iv);
  for (size_t i = 0; i < sizeof info.rec_seq; ++i)
    info.rec_seq[i] = static_cast<uint8_t>(key.number >> (8 * (sizeof info.rec_seq - 1 - i)));
  const int result = setsockopt(fd, SOL_TLS, option, &info, sizeof info);
  explicit_bzero(&info, sizeof info);
  return result;
}

// Room for one control message that holds a record's type.
union TypeMessage {
  cmsghdr header;
  char memory[CMSG_SPACE(sizeof(uint8_t))];
};

}  // namespace

RecordKinds LinuxKernel::record_kinds() {
  RecordKinds kinds;
  for (const TlsRecordKind kind : kRecordKinds) {
    const Loopback pair;
    if (!pair.connected()) break;
    RecordKey key;
    key.kind = kind;
    const auto takes = [&](RecordDirection direction) {
      return set_record_key(pair.fd(), direction, key).has_value();
    };
    const auto takes_both = [&] {
      return takes(RecordDirection::kReceive) && takes(RecordDirection::kSend);
    };
    if (takes_both() && (kind.version == TlsVersion::kTls12 || takes_both())) kinds.add(kind);
  }
  return kinds;
}

Result<void> LinuxKernel::set_record_key(int fd, RecordDirection direction, const RecordKey& key) {
  // By itself it changes nothing; EEXIST: it is there.
  if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") != 0 && errno != EEXIST)
    return refused();
  const bool receives = direction == RecordDirection::kReceive;
  const int option = receives ? TLS_RX : TLS_TX;
  int result = -1;
  switch (key.kind.cipher) {
    case TlsCipher::kAes128Gcm:
      result = give<tls12_crypto_info_aes_gcm_128>(fd, option, TLS_CIPHER_AES_GCM_128, key);
      break;
    case TlsCipher::kAes256Gcm:
      result = give<tls12_crypto_info_aes_gcm_256>(fd, option, TLS_CIPHER_AES_GCM_256, key);
      break;
    case TlsCipher::kChaCha20Poly1305:
      result =
          give<tls12_crypto_info_chacha20_poly1305>(fd, option, TLS_CIPHER_CHACHA20_POLY1305, key);
      break;
  }
  if (result != 0) return refused();
#ifdef TLS_RX_EXPECT_NO_PAD
  // Decrypts straight into our memory, since 6.0. Who pads is decrypted twice.
  const int on = 1;
  if (receives && key.kind.version == TlsVersion::kTls13)
    (void)setsockopt(fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &on, sizeof on);
#endif
  return {};
}

Result<ControlRecord> LinuxKernel::receive_control(int fd) {
  std::array<char, kRecordMax> memory;
  iovec vector{.iov_base = memory.data(), .iov_len = memory.size()};
  TypeMessage type{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = type.memory;
  message.msg_controllen = sizeof type.memory;
  const ssize_t octets = ::recvmsg(fd, &message, MSG_DONTWAIT);
  if (octets < 0) return refused();
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_TLS ||
      header->cmsg_type != TLS_GET_RECORD_TYPE)
    return std::unexpected(Error::kOther);
  uint8_t value = 0;
  std::memcpy(&value, CMSG_DATA(header), sizeof value);
  return ControlRecord{static_cast<RecordType>(value),
                       std::string(memory.data(), static_cast<size_t>(octets))};
}

Result<void> LinuxKernel::send_control(int fd, const ControlRecord& record) {
  std::string content = record.content;
  iovec vector{.iov_base = content.data(), .iov_len = content.size()};
  TypeMessage type{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = type.memory;
  message.msg_controllen = sizeof type.memory;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_TLS;
  header->cmsg_type = TLS_SET_RECORD_TYPE;
  header->cmsg_len = CMSG_LEN(sizeof(uint8_t));
  *CMSG_DATA(header) = static_cast<uint8_t>(record.type);
  const ssize_t sent = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return refused();
  if (static_cast<size_t>(sent) != content.size()) return std::unexpected(Error::kOther);
  return {};
}

}  // namespace relais::ring
