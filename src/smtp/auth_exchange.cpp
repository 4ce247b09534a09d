#include "smtp/auth_exchange.h"

#include <algorithm>
#include <utility>

#include "base/wipe.h"
#include "smtp/ascii.h"
#include "smtp/base64.h"
#include "smtp/command_line.h"

namespace relais::smtp {
namespace {

constexpr std::string_view kUsername = "VXNlcm5hbWU6";  // "Username:"
constexpr std::string_view kPassword = "UGFzc3dvcmQ6";  // "Password:"

constexpr std::string_view kNotPlain = "no two NULs around the user name";

bool is_control(char c) { return octet(c) < ' ' || octet(c) == 0x7f; }

}  // namespace

Credentials::Credentials(Credentials&& other) noexcept
    : user(std::move(other.user)), password(other.password) {
  wipe(other.password);  // a short string is copied by a move
}

Credentials& Credentials::operator=(Credentials&& other) noexcept {
  user = std::move(other.user);
  wipe(password);
  password = other.password;
  wipe(other.password);
  return *this;
}

Credentials::~Credentials() { wipe(password); }

std::optional<AuthExchange::Mechanism> AuthExchange::mechanism_from(std::string_view name) {
  if (equals_ignoring_case(name, "PLAIN")) return Mechanism::kPlain;
  if (equals_ignoring_case(name, "LOGIN")) return Mechanism::kLogin;
  return std::nullopt;
}

std::string_view AuthExchange::challenge() const {
  if (mechanism_ == Mechanism::kPlain) return {};
  return has_user_ ? kPassword : kUsername;
}

AuthExchange::Step AuthExchange::begin(std::optional<std::string_view> initial) {
  if (!initial) return Step::kChallenge;
  return take(*initial == "=" ? std::string_view() : *initial);
}

AuthExchange::Step AuthExchange::take(std::string_view line) {
  if (line == "*") return Step::kCancelled;
  std::optional<std::string> message = decode_base64(line);
  if (!message) return Step::kBadBase64;
  Step step = Step::kChallenge;
  if (mechanism_ == Mechanism::kPlain) {
    step = take_plain(*message);
  } else if (!std::exchange(has_user_, true)) {
    credentials_.user = *message;
  } else {
    credentials_.password = *message;
    step = judge();
  }
  wipe(*message);
  return step;
}

// authorization identity, NUL, user, NUL, password. We let nobody act as another.
AuthExchange::Step AuthExchange::take_plain(std::string_view message) {
  const size_t first = message.find('\0');
  if (first == std::string_view::npos) return fail(kNotPlain);
  const size_t second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return fail(kNotPlain);
  const std::string_view acts_as = message.substr(0, first);
  credentials_.user = message.substr(first + 1, second - first - 1);
  credentials_.password = message.substr(second + 1);
  if (!acts_as.empty() && acts_as != credentials_.user) return fail("acts for another user");
  return judge();
}

AuthExchange::Step AuthExchange::judge() {
  const std::string& user = credentials_.user;
  const std::string& password = credentials_.password;
  if (user.empty()) return fail("no user name");
  if (password.empty()) return fail("no password");
  if (std::ranges::any_of(user, is_control)) return fail("a control character in the user name");
  if (!is_clean_utf8(user)) return fail("the user name is no UTF-8");
  if (std::ranges::any_of(password, is_control)) return fail("a control character in the password");
  return Step::kComplete;
}

AuthExchange::Step AuthExchange::fail(std::string_view flaw) {
  credentials_ = {};
  flaw_ = flaw;
  return Step::kImpossible;
}

}  // namespace relais::smtp
