// A password that stands in a file of its own, as its first line, so that the configuration can be
// shown to anybody. The file must be its owner's alone. Nothing of what is in it is ever in an
// error.
#pragma once

#include <cstddef>
#include <expected>
#include <string>

namespace relais::config {

// RFC 4616 section 2: octets that every server takes, of a user as of a password.
inline constexpr size_t kCredentialMax = 255;

struct PasswordTrouble {
  std::string what;  // "is open to others than its owner (mode 644)"
  std::string cure;
};

[[nodiscard]] std::expected<std::string, PasswordTrouble> read_password(const std::string& file);

}  // namespace relais::config
