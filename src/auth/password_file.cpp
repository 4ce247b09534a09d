#include "auth/password_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "auth/password_hash.h"

namespace relais::auth {
namespace {

// A yescrypt hash of no password that anybody knows, for files without users.
constexpr std::string_view kDecoy =
    "$y$j9T$yRelaisDecoySalt0000./$0000000000000000000000000000000000000000000";

std::vector<FileProblem> whole(std::string what, std::string cure) {
  return {{.line = 0, .what = std::move(what), .cure = std::move(cure)}};
}

// Takes a line from the front of `text`, with what ends it.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end == std::string_view::npos ? end : end + 1);
  text.remove_prefix(line.size());
  return line;
}

std::string_view without_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool says_nothing(std::string_view line) { return line.empty() || line.front() == '#'; }

std::string_view name_in(std::string_view line) {
  const std::string_view bare = without_end(line);
  return says_nothing(bare) ? std::string_view() : bare.substr(0, bare.find(':'));
}

// Who can change it lets himself in.
std::string_view what_everybody_can(mode_t mode) {
  const bool reads = (mode & S_IROTH) != 0;
  if ((mode & S_IWOTH) != 0) return reads ? "read and change" : "change";
  return reads ? "read" : "";
}

}  // namespace

std::string problem_of_user(std::string_view user) {
  if (user.empty()) return "a name may not be empty";
  if (user.size() > kUserMax) return "a name has at most 255 octets";
  if (user.front() == '#') return "a name may not begin with '#'";
  if (user.find(':') != std::string_view::npos) return "a name may not hold ':'";
  const bool control = std::ranges::any_of(
      user, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  return control ? "a name may not hold control characters" : "";
}

std::expected<PasswordFile, std::vector<FileProblem>> PasswordFile::parse(std::string_view text) {
  PasswordFile file;
  std::vector<FileProblem> problems;
  for (uint32_t number = 1; !text.empty(); ++number) {
    const std::string_view line = without_end(take_line(text));
    if (says_nothing(line)) continue;
    const auto problem = [&](std::string what, std::string cure) {
      problems.push_back({.line = number, .what = std::move(what), .cure = std::move(cure)});
    };
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      problem("no ':' between a name and a hash", "Write name:hash; `relais user add NAME` does");
      continue;
    }
    const std::string name(line.substr(0, colon));
    const std::string_view rest = line.substr(colon + 1);
    const std::string hash(rest.substr(0, rest.find(':')));
    if (std::string what = problem_of_user(name); !what.empty()) {
      problem(std::move(what), "Write name:hash; `relais user add NAME` does");
    } else if (std::string wrong = problem_of(hash); !wrong.empty()) {
      problem("user '" + name + "': " + wrong, "Run `relais user add " + name + "`");
    } else if (!file.hashes_.emplace(name, hash).second) {
      problem("user '" + name + "' is there twice", "Remove one of the two lines");
    } else if (file.decoy_.empty()) {
      file.decoy_ = hash;
    }
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  if (file.decoy_.empty()) file.decoy_ = kDecoy;
  return file;
}

std::expected<PasswordFile, std::vector<FileProblem>> PasswordFile::read(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return std::unexpected(whole(std::string("cannot be read: ") + strerror(errno),
                                 "`relais user add NAME` makes it"));
  }
  if (!S_ISREG(status.st_mode))
    return std::unexpected(whole("is no regular file", "Name the file of users and hashes"));
  if (const std::string_view what = what_everybody_can(status.st_mode); !what.empty()) {
    return std::unexpected(whole("every user of this machine can " + std::string(what) + " it",
                                 "Run `chmod 640 " + path + "`"));
  }
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || in.bad()) {
    return std::unexpected(whole("cannot be read: " + std::string(strerror(errno)),
                                 "Give relais's user the right to read it"));
  }
  return parse(text);
}

const std::string* PasswordFile::hash_of(std::string_view user) const {
  const auto found = hashes_.find(user);
  return found == hashes_.end() ? nullptr : &found->second;
}

std::vector<std::string> PasswordFile::users() const {
  std::vector<std::string> names;
  for (const auto& [name, hash] : hashes_) names.push_back(name);
  return names;
}

std::string with_user(std::string_view text, std::string_view user, std::string_view hash) {
  std::string result;
  std::string fresh;
  if (!hash.empty()) fresh.append(user).append(1, ':').append(hash).append(1, '\n');
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (name_in(line) == user) {
      result += fresh;
      fresh.clear();
      continue;
    }
    result += line;
    if (!line.ends_with('\n')) result += '\n';
  }
  return result + fresh;
}

}  // namespace relais::auth
