// Users and their password hashes, one a line: "name:hash". Lines that begin with '#' and empty
// ones are skipped; further fields behind a second ':' are not looked at, so that lines of
// /etc/shadow and of htpasswd work. Names are compared as they stand. A value; reading and judging,
// no writing.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace relais::auth {

inline constexpr size_t kUserMax = 255;      // octets of a name
inline constexpr size_t kPasswordMax = 511;  // octets: what crypt(3) takes

struct FileProblem {
  uint32_t line = 0;  // 0: the file as a whole
  std::string what;
  std::string cure;
};

class PasswordFile {
 public:
  // All problems, not only the first.
  [[nodiscard]] static std::expected<PasswordFile, std::vector<FileProblem>> parse(
      std::string_view text);
  // Also refuses a file that every user of the machine can read or change.
  [[nodiscard]] static std::expected<PasswordFile, std::vector<FileProblem>> read(
      const std::string& path);

  // Null: there is no such user.
  [[nodiscard]] const std::string* hash_of(std::string_view user) const;
  [[nodiscard]] size_t size() const { return hashes_.size(); }
  [[nodiscard]] std::vector<std::string> users() const;
  // What the password of a user that does not exist is verified against, so that it takes as long.
  [[nodiscard]] const std::string& decoy() const { return decoy_; }

 private:
  std::map<std::string, std::string, std::less<>> hashes_;
  std::string decoy_;
};

// Empty: it may be a name. "a name may not hold ':'".
[[nodiscard]] std::string problem_of_user(std::string_view user);

// `text` with the line of `user` put in or replaced, or taken away where `hash` is empty; all else
// stays as it is.
[[nodiscard]] std::string with_user(std::string_view text, std::string_view user,
                                    std::string_view hash);

}  // namespace relais::auth
