// TLS, XCLIENT and AUTH, between hello and the first transaction (opening.h).
#include "base/assert.h"
#include "smtp/client.h"

namespace relais::smtp {

ClientEvent Client::go_on(const Opening::Step& step) {
  using StepKind = Opening::Step::Kind;
  switch (step.kind) {
    case StepKind::kSay:
      say(step.text);
      session_ = Await::kOpening;
      return {};
    case StepKind::kStartTls:
      return {.kind = Kind::kStartTls, .reply = step.reply};
    case StepKind::kHello:
      if (!step.text.empty()) ehlo_name_ = step.text;
      say_hello();
      return {};
    case StepKind::kReady:
      return ready(step.reply);
    case StepKind::kUnusable:
      break;
  }
  return stop(Kind::kUnusable, step.reply, step.stage);
}

void Client::tls_started() {
  opening_.tls_started();
  say_hello();
}

// Once more, also: what was known of the server is forgotten (RFC 3207 section 4.2).
void Client::say_hello() {
  extensions_ = {};
  say("EHLO ", ehlo_name_);
  session_ = Await::kEhlo;
}

ClientEvent Client::ready(const PeerReply& reply) {
  session_ = Await::kNothing;
  quit_if_due();
  return {.kind = Kind::kReady, .reply = reply};
}

}  // namespace relais::smtp
