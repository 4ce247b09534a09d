// relais user: the password file of [auth]. The file is rewritten whole and at once, and stays as
// it was but for one line; a running server notices by itself.
#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include "admin/notices.h"
#include "auth/password_file.h"
#include "auth/password_hash.h"
#include "base/wipe.h"
#include "config/load.h"
#include "config/write_file.h"
#include "main/commands.h"

namespace relais {
namespace {

constexpr int kLockWaitMs = 5000;

int fail(const std::string& what) {
  admin::say("relais user: {}\n", what);
  return 1;
}

int wrong_use(const std::string& what) {
  (void)fail(what);
  return 2;
}

// Echo is off for as long as it lives.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

std::optional<std::string> ask_for(const char* prompt) {
  admin::say("{}", prompt);
  std::string line;
  const bool got = static_cast<bool>(std::getline(std::cin, line));
  admin::say("\n");
  return got ? std::optional(line) : std::nullopt;
}

// The first line of standard input, or what a person types twice.
std::optional<std::string> read_password(bool from_stdin) {
  std::string password;
  if (from_stdin) {
    if (std::getline(std::cin, password)) return password;
    (void)fail("there is no password on standard input; nothing was changed");
    return std::nullopt;
  }
  const SilentTerminal silent;
  const auto first = ask_for("New password: ");
  const auto second = first ? ask_for("Once more: ") : std::nullopt;
  if (first && first == second) return first;
  (void)fail("the two are not the same; nothing was changed");
  return std::nullopt;
}

std::string problem_of_password(const std::string& password) {
  if (password.empty()) return "an empty password lets nobody in";
  if (password.size() > auth::kPasswordMax)
    return "a password has at most " + std::to_string(auth::kPasswordMax) + " octets";
  const bool control = std::ranges::any_of(
      password, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  return control ? "a password may not hold control characters" : "";
}

int list(const std::string& path) {
  const auto file = auth::PasswordFile::read(path);
  if (!file) return fail(path + ": " + file.error().front().what);
  for (const std::string& user : file->users()) std::printf("%s\n", user.c_str());
  return 0;
}

// The text of the file; empty if there is none yet, which is made then, for its owner alone.
std::optional<std::string> text_of(const std::string& path, bool may_make) {
  if (auto text = config::read_text(path)) return text;
  if (!may_make || std::filesystem::exists(path)) return std::nullopt;
  const int fd = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return std::nullopt;
  close(fd);
  return std::string();
}

int change(const std::string& path, const std::string& user, const std::string& hash) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const auto lock = config::FolderLock::take(folder, kLockWaitMs);
  if (!lock) return fail(lock.error());
  const bool adds = !hash.empty();
  const auto text = text_of(path, adds);
  if (!text) return fail(path + " cannot be read or made");
  const auto before = auth::PasswordFile::parse(*text);
  const bool known = before && before->hash_of(user) != nullptr;
  if (!adds && before && !known) return fail("there is no user '" + user + "' in " + path);
  const auto written = config::write_file(path, auth::with_user(*text, user, hash));
  if (!written) return fail(written.error());
  const char* const what = !adds ? "is gone from" : known ? "has a new password in" : "is in";
  admin::say("user '{}' {} {}; a running server notices by itself\n", user, what, path);
  return 0;
}

int add(const UserArguments& arguments, const std::string& path) {
  if (!arguments.password_stdin && isatty(STDIN_FILENO) == 0)
    return wrong_use("standard input is no terminal: write --password-stdin to read it from there");
  auto password = read_password(arguments.password_stdin);
  if (!password) return 1;
  std::string problem = problem_of_password(*password);
  if (!problem.empty()) return fail(problem);
  const std::string hash = auth::make_hash(*password);
  wipe(*password);
  if (hash.empty()) return fail("the system has no random numbers for a salt");
  return change(path, arguments.words[1], hash);
}

}  // namespace

int user(const UserArguments& arguments) {
  const std::vector<std::string>& words = arguments.words;
  const std::string action = words.empty() ? "" : words.front();
  const bool named = action == "add" || action == "remove";
  if (!named && action != "list")
    return wrong_use("'" + action + "' is nothing to do: write add NAME, remove NAME or list");
  if (words.size() != (named ? 2U : 1U))
    return wrong_use(named ? action + " needs one NAME" : "list needs no more words");
  if (named) {
    const std::string problem = auth::problem_of_user(words[1]);
    if (!problem.empty()) return wrong_use(problem);
  }
  std::string path = arguments.file;
  if (path.empty()) {
    const config::Loaded loaded = config::load(arguments.folder);
    path = loaded.model.auth.password_file;
    if (path.empty()) {
      return fail(arguments.folder +
                  "/relais.toml names no password file: write password_file = \"users\" under "
                  "[auth], or --file PATH here");
    }
  }
  path = std::filesystem::absolute(path).string();
  if (action == "list") return list(path);
  return action == "add" ? add(arguments, path) : change(path, words[1], {});
}

}  // namespace relais
