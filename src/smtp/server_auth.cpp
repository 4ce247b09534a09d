// AUTH (RFC 4954): who may begin it, its lines, and what failures cost.
#include <utility>

#include "base/assert.h"
#include "smtp/ascii.h"
#include "smtp/server.h"

namespace relais::smtp {
namespace {

constexpr std::string_view kAuthVerb = "AUTH";

// RFC 4954 section 4: the challenge behind "334 ", which stands there even if it is empty.
void append_challenge(std::string& out, std::string_view challenge) {
  out.append("334 ").append(challenge).append("\r\n");
}

}  // namespace

void Server::use(const ServerOptions& options) {
  ASSERT(state_ == State::kNew || state_ == State::kReady || state_ == State::kStartTls);
  options_ = &options;
  header_.reset(options.header);
}

Credentials& Server::credentials() {
  ASSERT(question_ == Event::Kind::kAuth);
  return auth_->credentials();
}

std::string_view Server::credentials_flaw() const {
  ASSERT(question_ == Event::Kind::kAuth);
  return auth_->flaw();
}

// None in the clear where TLS is needed; none behind a success (RFC 4954 section 4).
bool Server::offers_auth() const {
  return options_->auth && (tls_ || !options_->auth_needs_tls) && !authenticated_;
}

const Reply* Server::check_auth(Command& command) const {
  if (authenticated_) return &replies::kAlreadyAuthenticated;
  if (!options_->auth) return &replies::kUnknownMechanism;
  if (!offers_auth()) return &replies::kAuthNeedsTls;
  if (!esmtp_) return &replies::kSendEhlo;  // an extension: not behind HELO
  std::string_view rest = command.arguments;
  if (!AuthExchange::mechanism_from(take_word(rest))) return &replies::kUnknownMechanism;
  skip_blanks(rest);
  take_word(rest);
  return rest.empty() ? nullptr : &replies::kBadArguments;
}

Event Server::proceed_auth(const Command& command) {
  std::string_view rest = command.arguments;
  auth_ = std::make_unique<AuthExchange>(*AuthExchange::mechanism_from(take_word(rest)));
  state_ = State::kAuth;
  skip_blanks(rest);
  return go_on_with_auth(
      auth_->begin(rest.empty() ? std::nullopt : std::optional<std::string_view>(rest)));
}

Event Server::run_auth_line() {
  if (!line_too_long_) return go_on_with_auth(auth_->take(line_));
  // RFC 4954 section 6. Our mechanisms have no use for as much as it allows (12,288 octets).
  return refuse_logon(replies::kAuthLineTooLong);
}

Event Server::go_on_with_auth(AuthExchange::Step step) {
  switch (step) {
    case AuthExchange::Step::kChallenge:
      append_challenge(output_, auth_->challenge());
      return {.kind = Event::Kind::kAnswered};
    case AuthExchange::Step::kComplete:
    case AuthExchange::Step::kImpossible:
      break;
    case AuthExchange::Step::kCancelled:
      return refuse_logon(replies::kAuthCancelled);
    case AuthExchange::Step::kBadBase64:
      return refuse_logon(replies::kBadBase64);
  }
  return {.kind = Event::Kind::kAuth};
}

Event Server::refuse_logon(const Reply& reply) {
  auth_.reset();
  state_ = State::kReady;
  secret_expected_ = true;
  return refuse(reply, kAuthVerb);
}

// Counts a failed logon.
bool Server::is_last_failure(const Reply& reply) {
  if (reply.code != replies::kLogonFailed.code || options_->max_logon_failures == 0) return false;
  return ++logon_failures_ >= options_->max_logon_failures;
}

}  // namespace relais::smtp
