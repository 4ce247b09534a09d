// STARTTLS and AUTH: what is said between hello and the first transaction.
#include "base/assert.h"
#include "smtp/auth_exchange.h"
#include "smtp/base64.h"
#include "smtp/client.h"

namespace relais::smtp {
namespace {

constexpr uint16_t kReadyForTls = 220;
constexpr uint16_t kLoggedOn = 235;
constexpr uint16_t kPrompt = 334;
// RFC 5321 4.5.3.1.4, which RFC 4954 section 4 holds an initial response to.
constexpr size_t kCommandMax = 512;

}  // namespace

// Behind each hello.
ClientEvent Client::secure(const PeerReply& reply) {
  if (in_tls_ || start_tls_ == StartTls::kNever) return log_on(reply);
  if (extensions_.start_tls) {
    // An answer that is there before its question is nobody's that we asked.
    if (!input_.empty()) return stop(Kind::kUnusable, {0, "replies that nobody asked for"});
    say("STARTTLS");
    session_ = Await::kStartTls;
    return {};
  }
  if (start_tls_ == StartTls::kRequired)
    return stop(Kind::kUnusable, {0, "STARTTLS is not offered"}, Stage::kTls);
  return log_on(reply);
}

ClientEvent Client::on_start_tls(const PeerReply& reply) {
  if (reply.code != kReadyForTls) {
    if (start_tls_ == StartTls::kRequired || reply.code < 400)
      return stop(Kind::kUnusable, reply, Stage::kTls);
    return log_on(reply);
  }
  // RFC 3207 section 5, CVE-2011-0411: whoever put it there would be believed inside TLS.
  if (!input_.empty())
    return stop(Kind::kUnusable, {0, "octets in the clear behind the answer to STARTTLS"},
                Stage::kTls);
  session_ = Await::kHandshake;
  return {.kind = Kind::kStartTls, .reply = reply};
}

// RFC 3207 section 4.2: what was known of the server is forgotten.
void Client::tls_started() {
  ASSERT(session_ == Await::kHandshake && !in_tls_);
  in_tls_ = true;
  extensions_ = {};
  say("EHLO ", ehlo_name_);
  session_ = Await::kEhlo;
}

ClientEvent Client::log_on(const PeerReply& reply) {
  if (credentials_ == nullptr) return ready(reply);
  if (!in_tls_ && !auth_in_clear_)
    return stop(Kind::kUnusable, {0, "AUTH needs TLS, and there is none"}, Stage::kAuth);
  if (extensions_.auth_plain) {
    const std::string response = plain_response();
    const bool fits = std::string_view("AUTH PLAIN \r\n").size() + response.size() <= kCommandMax;
    say("AUTH PLAIN", fits ? " " : "", fits ? std::string_view(response) : "");
    session_ = fits ? Await::kAuth : Await::kAuthPlain;
    return {};
  }
  if (!extensions_.auth_login) {
    return stop(Kind::kUnusable, {0, "neither AUTH PLAIN nor AUTH LOGIN is offered"}, Stage::kAuth);
  }
  say("AUTH LOGIN");
  session_ = Await::kAuthUser;
  return {};
}

// RFC 4616 section 2: without an authorization identity.
std::string Client::plain_response() const {
  std::string message(1, '\0');
  message += credentials_->user;
  message += '\0';
  message += credentials_->password;
  return encode_base64(message);
}

ClientEvent Client::on_auth(const PeerReply& reply) {
  if (session_ == Await::kAuth) {
    if (reply.code == kLoggedOn) return ready(reply);
    return stop(Kind::kUnusable, without_secrets(reply), Stage::kAuth);
  }
  if (reply.code != kPrompt) return stop(Kind::kUnusable, without_secrets(reply), Stage::kAuth);
  // What a prompt of LOGIN says is not looked at: its wording differs, its order does not.
  switch (session_) {
    case Await::kAuthPlain:
      say(plain_response());
      session_ = Await::kAuth;
      return {};
    case Await::kAuthUser:
      say(encode_base64(credentials_->user));
      session_ = Await::kAuthPassword;
      return {};
    default:
      say(encode_base64(credentials_->password));
      session_ = Await::kAuth;
      return {};
  }
}

// Some servers repeat what they were sent, and what they say goes into logs.
PeerReply Client::without_secrets(const PeerReply& reply) const {
  const auto repeats = [&](std::string_view secret) {
    return reply.text.find(secret) != std::string_view::npos;
  };
  const bool told = repeats(credentials_->password) || repeats(plain_response()) ||
                    repeats(encode_base64(credentials_->password));
  return told ? PeerReply{reply.code, "(a text that repeats the password)"} : reply;
}

ClientEvent Client::ready(const PeerReply& reply) {
  if (!in_tls_ || !proves_itself_) extensions_.require_tls = false;
  session_ = Await::kNothing;
  quit_if_due();
  return {.kind = Kind::kReady, .reply = reply};
}

}  // namespace relais::smtp
