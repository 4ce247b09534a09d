#include "smtp/opening.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "smtp/ascii.h"
#include "smtp/auth_exchange.h"
#include "smtp/base64.h"
#include "smtp/command_line.h"

namespace relais::smtp {
namespace {

constexpr uint16_t kReadyForTls = 220;
constexpr uint16_t kGreetsClient = 220;
constexpr uint16_t kLoggedOn = 235;
constexpr uint16_t kPrompt = 334;
constexpr size_t kNameMax = 255;  // RFC 5321 4.5.3.1.2

Opening::Step unusable(const PeerReply& reply, OpeningStage stage) {
  return {.kind = Opening::Step::Kind::kUnusable, .reply = reply, .stage = stage};
}

}  // namespace

Opening::Opening(const ClientOptions& options)
    : start_tls_(options.start_tls),
      in_tls_(options.in_tls),
      credentials_(options.credentials),
      auth_in_clear_(options.auth_in_clear),
      needs_xclient_(options.needs_xclient),
      client_(options.client),
      proves_itself_(options.proves_itself) {
  ASSERT(credentials_ == nullptr ||
         (!credentials_->user.empty() && !credentials_->password.empty()));
}

Opening::Step Opening::say(std::string text, Await await) {
  await_ = await;
  return {.kind = Step::Kind::kSay, .text = std::move(text)};
}

Opening::Step Opening::on_hello(const PeerReply& reply, Extensions& offered, bool more) {
  if (!in_tls_ || !proves_itself_) offered.require_tls = false;
  // The session is a client's from here on: our logon would give our rights to everybody.
  if (named_) return ready(reply);
  if (in_tls_ || start_tls_ == StartTls::kNever) return name_client(reply, offered);
  if (offered.start_tls) {
    // An answer that is there before its question is nobody's that we asked.
    if (more) return unusable({0, "replies that nobody asked for"}, OpeningStage::kSession);
    return say("STARTTLS", Await::kStartTls);
  }
  if (start_tls_ == StartTls::kRequired)
    return unusable({0, "STARTTLS is not offered"}, OpeningStage::kTls);
  return name_client(reply, offered);
}

Opening::Step Opening::on_reply(const PeerReply& reply, const Extensions& offered, bool more) {
  ASSERT(await_ != Await::kNothing && await_ != Await::kHandshake);
  if (await_ == Await::kStartTls) return on_start_tls(reply, offered, more);
  if (await_ == Await::kXclient) return on_named(reply);
  return on_auth(reply);
}

Opening::Step Opening::on_start_tls(const PeerReply& reply, const Extensions& offered, bool more) {
  if (reply.code != kReadyForTls) {
    if (start_tls_ == StartTls::kRequired || reply.code < 400)
      return unusable(reply, OpeningStage::kTls);
    return name_client(reply, offered);
  }
  // RFC 3207 section 5, CVE-2011-0411: whoever put it there would be believed inside TLS.
  if (more) {
    return unusable({0, "octets in the clear behind the answer to STARTTLS"}, OpeningStage::kTls);
  }
  await_ = Await::kHandshake;
  return {.kind = Step::Kind::kStartTls, .reply = reply};
}

void Opening::tls_started() {
  ASSERT(in_handshake() && !in_tls_);
  in_tls_ = true;
  await_ = Await::kNothing;
}

// Where it cannot be said the mail does not go on either: an upstream that decides by addresses
// would give every client what it gives to us.
Opening::Step Opening::name_client(const PeerReply& reply, const Extensions& offered) {
  if (!needs_xclient_) return log_on(reply, offered);
  if (!names_addresses(offered.xclient))
    return unusable({0, "XCLIENT with ADDR is not offered"}, OpeningStage::kXclient);
  if (!client_) return log_on(reply, offered);
  named_ = true;
  return say(xclient_command(offered.xclient, *client_), Await::kXclient);
}

// The session is the client's from here on, so it says hello as the client did: Postfix, for one,
// forgets the HELO of XCLIENT over the next one.
Opening::Step Opening::on_named(const PeerReply& reply) {
  if (reply.code != kGreetsClient) return unusable(reply, OpeningStage::kXclient);
  await_ = Await::kNothing;
  const bool can_be_said =
      client_->hello.size() <= kNameMax &&
      std::ranges::all_of(client_->hello, [](char c) { return is_printable(c) && c != ' '; });
  return {.kind = Step::Kind::kHello, .text = can_be_said ? client_->hello : std::string()};
}

Opening::Step Opening::log_on(const PeerReply& reply, const Extensions& offered) {
  if (credentials_ == nullptr) return ready(reply);
  if (!in_tls_ && !auth_in_clear_)
    return unusable({0, "AUTH needs TLS, and there is none"}, OpeningStage::kAuth);
  if (offered.auth_plain) {
    const std::string response = plain_response();
    // RFC 4954 section 4 holds an initial response to this limit, too.
    const bool fits = std::string_view("AUTH PLAIN \r\n").size() + response.size() <= kCommandMax;
    if (fits) return say("AUTH PLAIN " + response, Await::kAuth);
    return say("AUTH PLAIN", Await::kAuthPlain);
  }
  if (!offered.auth_login)
    return unusable({0, "neither AUTH PLAIN nor AUTH LOGIN is offered"}, OpeningStage::kAuth);
  return say("AUTH LOGIN", Await::kAuthUser);
}

// RFC 4616 section 2: without an authorization identity.
std::string Opening::plain_response() const {
  std::string message(1, '\0');
  message += credentials_->user;
  message += '\0';
  message += credentials_->password;
  return encode_base64(message);
}

Opening::Step Opening::on_auth(const PeerReply& reply) {
  if (await_ == Await::kAuth) {
    if (reply.code == kLoggedOn) return ready(reply);
    return unusable(without_secrets(reply), OpeningStage::kAuth);
  }
  if (reply.code != kPrompt) return unusable(without_secrets(reply), OpeningStage::kAuth);
  // What a prompt of LOGIN says is not looked at: its wording differs, its order does not.
  switch (await_) {
    case Await::kAuthPlain:
      return say(plain_response(), Await::kAuth);
    case Await::kAuthUser:
      return say(encode_base64(credentials_->user), Await::kAuthPassword);
    default:
      return say(encode_base64(credentials_->password), Await::kAuth);
  }
}

// Some servers repeat what they were sent, and what they say goes into logs.
PeerReply Opening::without_secrets(const PeerReply& reply) const {
  const auto repeats = [&](std::string_view secret) {
    return reply.text.find(secret) != std::string_view::npos;
  };
  const bool told = repeats(credentials_->password) || repeats(plain_response()) ||
                    repeats(encode_base64(credentials_->password));
  return told ? PeerReply{reply.code, "(a text that repeats the password)"} : reply;
}

Opening::Step Opening::ready(const PeerReply& reply) {
  await_ = Await::kNothing;
  return {.kind = Step::Kind::kReady, .reply = reply};
}

}  // namespace relais::smtp
