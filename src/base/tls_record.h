// TLS records that another than OpenSSL makes and opens, the kernel: what kinds there are, the key
// of one direction, and a record that is no data. Shared by who knows TLS and who knows the kernel;
// neither a cipher nor a socket is here.
#pragma once

#include <string.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace relais {

enum class TlsVersion : uint8_t { kTls12, kTls13 };
enum class TlsCipher : uint8_t { kAes128Gcm, kAes256Gcm, kChaCha20Poly1305 };

struct TlsRecordKind {
  TlsVersion version = TlsVersion::kTls13;
  TlsCipher cipher = TlsCipher::kAes128Gcm;

  [[nodiscard]] constexpr size_t key_octets() const {
    return cipher == TlsCipher::kAes128Gcm ? 16 : 32;
  }
  // Each record brings 8 octets of its nonce along (RFC 5288 3).
  [[nodiscard]] constexpr bool has_explicit_nonce() const {
    return version == TlsVersion::kTls12 && cipher != TlsCipher::kChaCha20Poly1305;
  }
  friend bool operator==(const TlsRecordKind&, const TlsRecordKind&) = default;
};

inline constexpr TlsRecordKind kRecordKinds[] = {
    {TlsVersion::kTls12, TlsCipher::kAes128Gcm},
    {TlsVersion::kTls12, TlsCipher::kAes256Gcm},
    {TlsVersion::kTls12, TlsCipher::kChaCha20Poly1305},
    {TlsVersion::kTls13, TlsCipher::kAes128Gcm},
    {TlsVersion::kTls13, TlsCipher::kAes256Gcm},
    {TlsVersion::kTls13, TlsCipher::kChaCha20Poly1305},
};

class RecordKinds {
 public:
  constexpr void add(TlsRecordKind kind) { bits_ |= bit(kind); }
  [[nodiscard]] constexpr bool has(TlsRecordKind kind) const { return (bits_ & bit(kind)) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  friend bool operator==(const RecordKinds&, const RecordKinds&) = default;

 private:
  static constexpr uint32_t bit(TlsRecordKind kind) {
    return 1U << (static_cast<uint32_t>(kind.version) * 3 + static_cast<uint32_t>(kind.cipher));
  }
  uint32_t bits_ = 0;
};

enum class RecordDirection : uint8_t { kReceive, kSend };

// Wiped when it goes.
struct RecordKey {
  static constexpr size_t kImplicitOctets = 4;  // of an iv with an explicit nonce

  TlsRecordKind kind;
  std::array<uint8_t, 32> key{};  // the first key_octets()
  // With an explicit nonce: 4 octets of every nonce, and that of the next record to be sent. Else
  // what the number of the record is XORed into (RFC 8446 5.3, RFC 7905 2).
  std::array<uint8_t, 12> iv{};
  uint64_t number = 0;  // of the next record

  RecordKey() = default;
  RecordKey(const RecordKey&) = default;
  RecordKey& operator=(const RecordKey&) = default;
  ~RecordKey() { explicit_bzero(this, sizeof *this); }
};

enum class RecordType : uint8_t {  // RFC 8446 B.1
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kData = 23,
};

struct ControlRecord {
  RecordType type = RecordType::kAlert;
  std::string content;
};

}  // namespace relais
