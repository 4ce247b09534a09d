// What must be known of a stream so that another can go on with its records: the secrets of both
// directions, how many records their keys have seen, and that none is half through. Listens to
// OpenSSL (key log, messages) and to the wire; asks for nothing that is not public. Kept by streams
// that may be handed over, from their beginning on; secrets are wiped when it goes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/tls_record.h"
#include "tls/record_walk.h"

struct ssl_st;

namespace relais::tls {

// HKDF-Expand-Label without context (RFC 8446 7.1), of up to 255 octets. The hash follows from the
// secret's size. Empty: OpenSSL cannot.
[[nodiscard]] std::string expand_label(std::string_view secret, std::string_view label,
                                       size_t octets);
// The next application traffic secret (RFC 8446 7.2).
[[nodiscard]] std::string next_secret(std::string_view secret);
// TLS 1.3, record number 0.
[[nodiscard]] RecordKey key_of(std::string_view secret, TlsCipher cipher);

class RecordSecrets {
 public:
  RecordSecrets() = default;
  ~RecordSecrets();
  RecordSecrets(const RecordSecrets&) = delete;
  RecordSecrets& operator=(const RecordSecrets&) = delete;

  // ---- from OpenSSL
  void on_key_log(std::string_view line);
  void on_message(bool sent, int version, int type, std::string_view bytes);
  // ---- from the wire
  void on_input(std::string_view bytes) { received_.walk.pass(bytes); }
  void on_output(std::string_view bytes) { sent_.walk.pass(bytes); }

  [[nodiscard]] bool is_between_records() const {
    return received_.walk.is_between() && sent_.walk.is_between();
  }
  // A server's, whose handshake is done. False: OpenSSL cannot, or the secrets did not come.
  [[nodiscard]] bool keys_of(ssl_st* ssl, TlsRecordKind kind, RecordKey& receive,
                             RecordKey& send) const;
  // TLS 1.3: what the present keys are from.
  [[nodiscard]] const std::string& secret(RecordDirection direction) const {
    return direction == RecordDirection::kReceive ? received_.secret : sent_.secret;
  }

 private:
  struct Way {
    std::string secret;    // TLS 1.3
    uint64_t records = 0;  // under the present key
    RecordWalk walk;
  };
  [[nodiscard]] bool keys_of_12(ssl_st* ssl, RecordKey& receive, RecordKey& send) const;

  Way received_;
  Way sent_;
};

// The kind of records of a stream that is open. False: one that nobody else knows.
[[nodiscard]] bool record_kind_of(const ssl_st* ssl, TlsRecordKind& kind);

}  // namespace relais::tls
