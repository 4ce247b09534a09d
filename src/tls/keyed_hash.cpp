#include "tls/keyed_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdint>
#include <string>

#include "base/assert.h"
#include "base/wipe.h"

namespace relais::tls {

KeyedHash::KeyedHash() {
  const int made = RAND_bytes(key_.data(), static_cast<int>(key_.size()));
  ASSERT(made == 1);
}

Digest KeyedHash::of(std::initializer_list<std::string_view> parts) const {
  std::string message;
  for (const std::string_view part : parts) {
    const uint64_t octets = part.size();
    message.append(reinterpret_cast<const char*>(&octets), sizeof octets).append(part);
  }
  Digest digest{};
  size_t length = 0;
  const unsigned char* made =
      EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key_.data(), key_.size(),
                reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                digest.data(), digest.size(), &length);
  ASSERT(made != nullptr && length == digest.size());
  wipe(message);
  return digest;
}

bool equal(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace relais::tls
