// A connection in TLS whose records the kernel opens, or makes too: what a record that is no data
// means, the keys that come next, and what stays to be told of it. Bytes and values only; whoever
// has the socket reads and sends the records. TLS 1.3 keeps two secrets of at most 48 octets, wiped
// when they have served; TLS 1.2 keeps none.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/tls_record.h"

namespace relais::tls {

class Traffic {
 public:
  // `version` and `cipher` live as long as the process. Secrets are of TLS 1.3.
  Traffic(TlsRecordKind kind, std::string_view version, std::string_view cipher,
          std::array<std::string, 2> secrets);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  [[nodiscard]] std::string_view version() const { return version_; }  // "TLSv1.3"
  [[nodiscard]] std::string_view cipher() const { return cipher_; }    // its name with IANA

  enum class Meaning : uint8_t {
    kNothing,        // go on
    kEnded,          // close_notify: nothing more comes
    kNewKey,         // renew(kReceive) before anything more is received
    kNewKeys,        // and key_update() is to be sent, then renew(kSend)
    kRenegotiation,  // answer it with no_renegotiation(), and go on
    kGone,           // the peer has given up
    kUnexpected,     // answer it with unexpected_message(), and close
  };
  [[nodiscard]] Meaning hear(const ControlRecord& record) const;
  // The next key of a direction, for its first record.
  [[nodiscard]] RecordKey renew(RecordDirection direction);

  [[nodiscard]] static ControlRecord close_notify();
  [[nodiscard]] static ControlRecord key_update();
  [[nodiscard]] static ControlRecord no_renegotiation();
  [[nodiscard]] static ControlRecord unexpected_message();
  [[nodiscard]] static ControlRecord bad_record_mac();

 private:
  TlsRecordKind kind_;
  std::string_view version_;
  std::string_view cipher_;
  std::array<std::string, 2> secrets_;  // by direction
};

}  // namespace relais::tls
