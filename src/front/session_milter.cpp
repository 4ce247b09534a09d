// A session and its connector's milter: what it is asked, and what its verdicts mean for the
// dialogue. Questions of the SMTP server wait here for the milter's answer.
#include <utility>

#include "base/assert.h"
#include "front/front.h"

namespace relais::front {
namespace {

using Action = milter::Verdict::Action;

constexpr smtp::Reply kRejected{550, {5, 7, 1}, "Message rejected by the content filter"};
constexpr smtp::Reply kTryAgain{451, {4, 7, 1}, "Service unavailable - try again later"};

std::string_view command_of(Asked asked, const smtp::Server& server) {
  if (asked == Asked::kMail) return "MAIL";
  return asked == Asked::kRecipient ? "RCPT" : server.content_verb();
}

std::string_view name_of(Action action) {
  switch (action) {
    case Action::kContinue:
      return "continue";
    case Action::kAccept:
      return "accept";
    case Action::kReject:
      return "reject";
    case Action::kTempfail:
      return "tempfail";
    case Action::kDiscard:
      return "discard";
    case Action::kShutdown:
      return "shutdown";
  }
  return "?";
}

// The milter's own words, or ours.
smtp::Reply reply_of(const milter::Verdict& verdict) {
  if (verdict.code != 0) {
    const auto& status = verdict.enhanced;
    return {verdict.code, {static_cast<uint8_t>(status[0]), status[1], status[2]}, verdict.text};
  }
  if (verdict.action == Action::kShutdown) return smtp::replies::kNotAccepting;
  return verdict.action == Action::kReject ? kRejected : kTryAgain;
}

}  // namespace

bool Front::has_milter(const Session& session) const {
  if (session.receive_connector().milter.empty() || session.milter.passed) return false;
  const auto& snapshot = session.policy->policy->snapshot();
  return !has(snapshot.rights(session.connector, session.principal),
              policy::Right::kBypassAntiSpam);
}

void Front::ask_about_mail(Session& session, const smtp::Event& event) {
  ASSERT(session.milter.talk.is_null());
  const policy::ReceiveConnector& connector = session.receive_connector();
  session.id = make_guid(options_.guid_salt, options_.core, next_id_++);
  session.milter.asked = Asked::kMail;
  const Guid::Text id = session.id.text();
  session.milter.talk = milters_.begin(
      connector.milter, {.session = sessions_.handle_of(&session),
                         .hellos = session.milter.hellos,
                         .remote = session.remote,
                         .local = session.local,
                         .hello = std::string(session.server.hello_name()),
                         .fqdn = session.policy->policy->options(session.connector).fqdn,
                         .connector = connector.name,
                         .sender = std::string(event.path.address),
                         .id = std::string(view(id)),
                         .size = event.size,
                         .eight_bit = event.body == smtp::BodyType::k8BitMime,
                         .timeout = connector.milter_timeout});
}

void Front::ask_about_recipient(Session& session) {
  session.milter.asked = Asked::kRecipient;
  milters_.recipient(session.milter.talk, session.server.asked_path().address);
}

void Front::ask_about_data(Session& session) {
  session.milter.asked = Asked::kData;
  milters_.data(session.milter.talk);
}

void Front::ask_about_end(Session& session) {
  session.milter.asked = Asked::kEnd;
  milters_.end(session.milter.talk);
}

void Front::on_milter_event(const MilterEvent& event) {
  Session* session = sessions_.get(event.session);
  // It may have gone, or be at another message.
  if (session == nullptr || session->closing || session->milter.talk != event.talk) return;
  switch (event.kind) {
    case MilterEvent::Kind::kRoom:
      session->milter.full = false;
      break;
    case MilterEvent::Kind::kAnswer:
      on_milter_answer(*session, event);
      break;
    case MilterEvent::Kind::kFailed:
      on_milter_failed(*session, event.text);
      break;
  }
  step(*session);
}

void Front::on_milter_answer(Session& session, const MilterEvent& event) {
  const Asked asked = std::exchange(session.milter.asked, Asked::kNothing);
  const milter::Verdict& verdict = event.verdict;
  ASSERT(asked != Asked::kNothing && session.server.awaits_answer());
  const auto reason = [&] {
    std::string text = "milter ";
    text += session.receive_connector().milter;
    text += ": ";
    text += name_of(verdict.action);
    text += " at ";
    text += milter::name_of(verdict.stage);
    return text;
  };
  switch (verdict.action) {
    case Action::kContinue:
      return go_on(session, asked);
    case Action::kAccept:
      if (verdict.whole_session()) session.milter.passed = true;
      return go_on(session, asked);
    case Action::kDiscard:
      if (asked == Asked::kEnd) return discard(session, reason());
      return go_on(session, asked);
    case Action::kReject:
    case Action::kTempfail:
    case Action::kShutdown:
      return refuse(session, asked, reply_of(verdict), reason());
  }
}

void Front::on_milter_failed(Session& session, std::string_view why) {
  const Asked asked = std::exchange(session.milter.asked, Asked::kNothing);
  ASSERT(asked != Asked::kNothing && session.server.awaits_answer());
  const policy::ReceiveConnector& connector = session.receive_connector();
  std::string reason = "milter ";
  reason += connector.milter;
  reason += ": ";
  reason += why;
  reason += "; milter_default_action = ";
  reason += policy::name_of(connector.milter_default_action);
  switch (connector.milter_default_action) {
    case policy::MilterAction::kAccept:
      if (asked == Asked::kEnd) {
        observer_.on_unfiltered(client_of(session), session.server.transaction(), session.id,
                                reason);
      }
      return go_on(session, asked);
    case policy::MilterAction::kTempfail:
      return refuse(session, asked, kTryAgain, reason);
    case policy::MilterAction::kReject:
      return refuse(session, asked, kRejected, reason);
  }
}

// The milter has no objection: what the dialogue had asked is answered.
void Front::go_on(Session& session, Asked asked) {
  switch (asked) {
    case Asked::kMail:
      return accept_mail(session);
    case Asked::kRecipient:
      return accept_recipient(session);
    case Asked::kData:
      return begin_content(session);
    case Asked::kEnd:
      release_milter(session);
      return keep(session);
    case Asked::kNothing:
      ASSERT(false);
  }
}

void Front::refuse(Session& session, Asked asked, const smtp::Reply& reply,
                   std::string_view reason) {
  observer_.on_refused(
      client_of(session), command_of(asked, session.server), session.server.transaction(),
      asked == Asked::kRecipient ? session.server.asked_path().address : std::string_view{}, reply,
      reason);
  note(session, reason, "refused");
  const size_t replies_before = session.server.output().size();
  session.server.answer({.reply = reply, .close = reply.code == 421});
  if (reply.permanent()) on_error_reply(session, replies_before);
  if (asked == Asked::kRecipient) give_back(session, session.charges_before_recipient);
  // Without MAIL, after the end of data and behind a BDAT that was refused there is no transaction.
  if (!session.server.transaction().has_sender()) drop_message(session);
}

// As far as the client knows, it was taken.
void Front::discard(Session& session, std::string_view reason) {
  observer_.on_discarded(client_of(session), session.server.transaction(), session.id,
                         session.content_octets, reason);
  session.server.answer({taken_reply(session)});
  session.message_charges.clear();  // it has been taken, as far as the client knows
  drop_message(session);
}

void Front::release_milter(Session& session) {
  if (session.milter.talk.is_null()) return;
  milters_.release(std::exchange(session.milter.talk, {}));
  session.milter.asked = Asked::kNothing;
  session.milter.full = false;
}

}  // namespace relais::front
