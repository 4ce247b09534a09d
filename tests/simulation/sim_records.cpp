#include "simulation/sim_records.h"

#include <openssl/evp.h>

#include <cstring>
#include <memory>

#include "base/assert.h"

namespace relais::simulation {
namespace {

constexpr size_t kTag = 16;
constexpr size_t kExplicit = 8;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Context begin(const RecordKey& key, std::string_view nonce, std::string_view associated, int seal) {
  const EVP_CIPHER* cipher = key.kind.cipher == TlsCipher::kAes128Gcm   ? EVP_aes_128_gcm()
                             : key.kind.cipher == TlsCipher::kAes256Gcm ? EVP_aes_256_gcm()
                                                                        : EVP_chacha20_poly1305();
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  const bool good =
      EVP_CipherInit_ex(context.get(), cipher, nullptr, key.key.data(), octets(nonce), seal) == 1 &&
      EVP_CipherUpdate(context.get(), nullptr, &length, octets(associated),
                       static_cast<int>(associated.size())) == 1;
  ASSERT(good);
  return context;
}

std::string big_endian(uint64_t number) {
  std::string out(8, '\0');
  for (size_t i = 8; i-- > 0; number >>= 8) out[i] = static_cast<char>(number & 0xff);
  return out;
}

}  // namespace

size_t SimRecords::overhead() const {
  return kHeading + kTag +
         (key_.kind.version == TlsVersion::kTls13 ? 1
          : key_.kind.has_explicit_nonce()        ? kExplicit
                                                  : 0);
}

std::string SimRecords::nonce(std::string_view explicit_part) const {
  std::string out(reinterpret_cast<const char*>(key_.iv.data()), key_.iv.size());
  if (key_.kind.has_explicit_nonce()) {
    out.replace(RecordKey::kImplicitOctets, kExplicit, explicit_part);
    return out;
  }
  const std::string number = big_endian(key_.number);
  for (size_t i = 0; i < number.size(); ++i) out[i + 4] = static_cast<char>(out[i + 4] ^ number[i]);
  return out;
}

std::string SimRecords::associated(std::string_view heading, size_t content) const {
  if (key_.kind.version == TlsVersion::kTls13) return std::string(heading);
  std::string out = big_endian(key_.number) + std::string(heading.substr(0, 3));
  out += static_cast<char>(content >> 8);
  return out += static_cast<char>(content & 0xff);
}

std::string SimRecords::seal(RecordType type, std::string_view content) {
  const bool is_13 = key_.kind.version == TlsVersion::kTls13;
  std::string plain(content);
  if (is_13) plain += static_cast<char>(type);
  const size_t body = content.size() + overhead() - kHeading;
  std::string record{static_cast<char>(is_13 ? RecordType::kData : type), 3, 3,
                     static_cast<char>(body >> 8), static_cast<char>(body & 0xff)};
  const std::string heading = record;
  std::string explicit_part;
  if (key_.kind.has_explicit_nonce()) {
    explicit_part.assign(reinterpret_cast<const char*>(key_.iv.data()) + 4, kExplicit);
    record += explicit_part;
    for (size_t i = key_.iv.size(); i > 4 && ++key_.iv[i - 1] == 0; --i) {
    }
  }
  const auto context = begin(key_, nonce(explicit_part), associated(heading, plain.size()), 1);
  std::string sealed(plain.size() + kTag, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(sealed.data());
  int length = 0;
  const bool good =
      EVP_CipherUpdate(context.get(), out, &length, octets(plain),
                       static_cast<int>(plain.size())) == 1 &&
      EVP_CipherFinal_ex(context.get(), out + plain.size(), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTag, out + plain.size()) == 1;
  ASSERT(good);
  ++key_.number;
  return record + sealed;
}

size_t SimRecords::first(std::string_view bytes) {
  if (bytes.size() < kHeading) return 0;
  const size_t body = static_cast<size_t>(octets(bytes)[3]) << 8 | octets(bytes)[4];
  return bytes.size() < kHeading + body ? 0 : kHeading + body;
}

std::optional<ControlRecord> SimRecords::open(std::string_view record) {
  const bool is_13 = key_.kind.version == TlsVersion::kTls13;
  if (record.size() < overhead()) return std::nullopt;
  const std::string_view heading = record.substr(0, kHeading);
  record.remove_prefix(kHeading);
  std::string_view explicit_part;
  if (key_.kind.has_explicit_nonce()) {
    explicit_part = record.substr(0, kExplicit);
    record.remove_prefix(kExplicit);
  }
  const std::string_view tag = record.substr(record.size() - kTag);
  record.remove_suffix(kTag);
  const auto context = begin(key_, nonce(explicit_part), associated(heading, record.size()), 0);
  std::string plain(record.size(), '\0');
  auto* const out = reinterpret_cast<unsigned char*>(plain.data());
  int length = 0;
  if (EVP_CipherUpdate(context.get(), out, &length, octets(record),
                       static_cast<int>(record.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTag,
                          const_cast<char*>(tag.data())) != 1 ||
      EVP_CipherFinal_ex(context.get(), out + plain.size(), &length) != 1)
    return std::nullopt;
  ++key_.number;
  auto type = static_cast<RecordType>(heading.front());
  if (is_13) {
    while (!plain.empty() && plain.back() == 0) plain.pop_back();  // padding
    if (plain.empty()) return std::nullopt;
    type = static_cast<RecordType>(plain.back());
    plain.pop_back();
  }
  return ControlRecord{type, std::move(plain)};
}

}  // namespace relais::simulation
