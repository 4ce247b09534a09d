// A session whose mail goes straight through to an upstream (docs/proxy-mode.md): what it is asked,
// and what its answers mean for the dialogue. Questions of the SMTP server wait here.
#include <utility>

#include "base/assert.h"
#include "front/front.h"
#include "smtp/peer_reply.h"

namespace relais::front {
namespace {

// Exchange's front end, when it cannot reach a back end (exchange-reference.md section 7).
constexpr smtp::Reply kNoUpstream{
    451, {4, 7, 0}, "Temporary server error. Please try again later. PRX2"};

// Whose connection it will be. Another hello or logon only makes another client of it where it is
// told.
smtp::NamedClient named_client(const Session& session, const upstream::Way& way) {
  smtp::NamedClient client{.remote = session.remote, .local = session.local};
  if (!way.xclient) return client;
  client.hello = session.server.hello_name();
  client.esmtp = session.server.is_esmtp();
  client.login = session.user;
  return client;
}

}  // namespace

void Front::ask_upstream_for_mail(Session& session) {
  ASSERT(session.upstream.talk.is_null());
  const upstream::Target& target = session.policy->policy->target(session.connector);
  const smtp::MailParameters& asked = session.server.asked_parameters();
  session.upstream.asked = Asked::kMail;
  session.upstream.talk =
      upstreams_.begin(target, sessions_.handle_of(&session),
                       {.sender = std::string(session.server.asked_path().address),
                        .size = asked.size,
                        .eight_bit = asked.body == smtp::BodyType::k8BitMime,
                        .binary = asked.body == smtp::BodyType::kBinaryMime,
                        .utf8 = asked.utf8,
                        .ret = asked.ret,
                        .envid = std::string(asked.envid),
                        .client = named_client(session, target.way)});
}

void Front::on_upstream_event(const upstream::Event& event) {
  using Kind = upstream::Event::Kind;
  Session* session = sessions_.get(event.owner);
  // It may have gone, or be at another message.
  if (session == nullptr || session->closing || session->upstream.talk != event.talk) return;
  switch (event.kind) {
    case Kind::kRoom:
      session->upstream.full = false;
      break;
    case Kind::kPlaced:
      if (event.code == 0) {
        session->upstream.asked = Asked::kNothing;
        session->server.answer({smtp::replies::kSenderOk});
        break;
      }
      [[fallthrough]];
    case Kind::kReply:
      on_upstream_reply(*session, smtp::passed_on(event.code, event.text));
      break;
    case Kind::kFailed:
      on_upstream_failed(*session, event.text);
      break;
  }
  step(*session);
}

void Front::on_upstream_reply(Session& session, const smtp::Reply& reply) {
  const Asked asked = std::exchange(session.upstream.asked, Asked::kNothing);
  ASSERT(asked != Asked::kNothing && session.server.awaits_answer());
  if (!reply.positive()) {
    std::string reason = "upstream ";
    reason += upstreams_.host_of(session.upstream.talk);
    reason += " refused";
    return refuse(session, asked, reply, reason);
  }
  switch (asked) {
    case Asked::kRecipient:
      return session.server.answer({reply});
    case Asked::kData:
      prepare_content(session);
      upstreams_.content_front(session.upstream.talk, scratch_);
      return session.server.answer({smtp::replies::kStartMailInput});
    case Asked::kEnd:
      return on_kept(session, reply);
    case Asked::kMail:  // a positive answer to it is no reply
    case Asked::kNothing:
      ASSERT(false);
  }
}

void Front::on_upstream_failed(Session& session, std::string_view why) {
  const Asked asked = std::exchange(session.upstream.asked, Asked::kNothing);
  ASSERT(asked != Asked::kNothing && session.server.awaits_answer());
  const bool untouched =
      asked == Asked::kMail ||
      (asked == Asked::kRecipient && session.server.transaction().recipient_count() == 0);
  if (untouched && session.receive_connector().proxy_fallback)
    return fall_back(session, asked, why);
  std::string reason = "no upstream answers: ";
  reason += why;
  refuse(session, asked, kNoUpstream, reason);
}

// No upstream has anything of it, so it can go to the queue as mail of other connectors does.
void Front::fall_back(Session& session, Asked asked, std::string_view why) {
  observer_.on_fallback(client_of(session), session.server.transaction(), why);
  note(session, why, "no upstream answers, so it is queued");
  release_upstream(session);
  if (!spool_.accepting(session.receive_connector().name))
    return refuse(session, asked, smtp::replies::kInsufficientResources, "the spool is full");
  session.server.answer(
      {asked == Asked::kMail ? smtp::replies::kSenderOk : smtp::replies::kRecipientOk});
}

void Front::release_upstream(Session& session) {
  if (session.upstream.talk.is_null()) return;
  upstreams_.release(session.upstream.talk);
  session.upstream = {};
}

}  // namespace relais::front
