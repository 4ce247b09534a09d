// HMAC-SHA256 under a key that this process has made and nobody else knows: to remember that
// something was seen, without keeping it.
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>

namespace relais::tls {

using Digest = std::array<unsigned char, 32>;

class KeyedHash {
 public:
  KeyedHash();  // ends the process if the system has no random numbers
  // Of the parts and where each ends.
  [[nodiscard]] Digest of(std::initializer_list<std::string_view> parts) const;

 private:
  Digest key_{};
};

// Takes as long whatever they hold.
[[nodiscard]] bool equal(const Digest& a, const Digest& b);

}  // namespace relais::tls
