// Passwords as crypt(3) keeps them: yescrypt ($y$), bcrypt ($2b$, $2a$, $2y$) and SHA-512 ($6$).
// Weaker ones are refused by name, and those that take seconds. To verify one takes 5 to 100 ms on
// purpose: never on a core's thread.
#pragma once

#include <string>
#include <string_view>

namespace relais::auth {

// Empty: it can be used. Else why not: "an MD5 hash ($1$): too weak".
[[nodiscard]] std::string problem_of(std::string_view hash);
// False for any hash that has a problem, too.
[[nodiscard]] bool verify(const std::string& hash, const std::string& password);
// yescrypt with a fresh salt and the library's cost. Empty: the system has no random numbers.
[[nodiscard]] std::string make_hash(const std::string& password);

}  // namespace relais::auth
