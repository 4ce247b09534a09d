// What each event of the SMTP dialogue means here: ask policy, move bytes to the spool, answer,
// tell.
#include <algorithm>

#include "base/assert.h"
#include "front/front.h"
#include "smtp/auth_headers.h"
#include "smtp/received.h"

namespace relais::front {

Client Front::client_of(const Session& session) const {
  const policy::ReceiveConnector& connector = session.receive_connector();
  return {.connector = connector.name,
          .range = &connector.remote_ranges[session.range],
          .remote = session.remote,
          .local = session.local,
          .hello = session.server.hello_name(),
          .age = loop_.now() - session.opened,
          .asked_sender = session.server.asked_sender(),
          .upstream = upstreams_.host_of(session.upstream.talk),
          .upstream_without_dsn = upstreams_.without_dsn(session.upstream.talk),
          .user = session.user,
          .via = session.via,
          .partner = session.partner,
          .discards = discards(session),
          .at_data_end = session.server.at_data_end()};
}

void Front::act(Session& session, const smtp::Event& event, size_t replies_before) {
  switch (event.kind) {
    case smtp::Event::Kind::kNeedInput:
    case smtp::Event::Kind::kClose:
    case smtp::Event::Kind::kAnswered:
      return;
    case smtp::Event::Kind::kCommand:
      return on_command(session, event.bytes);
    case smtp::Event::Kind::kStartTls:
      return on_start_tls(session);
    case smtp::Event::Kind::kAuth:
      return on_auth(session);
    case smtp::Event::Kind::kXclient:
      return on_xclient(session, event.bytes);
    case smtp::Event::Kind::kHello:
      ++session.milter.hellos;
      return;
    case smtp::Event::Kind::kMail:
      return on_mail(session, event);
    case smtp::Event::Kind::kRecipient:
      return on_recipient(session, event);
    case smtp::Event::Kind::kData:
      return on_data(session);
    case smtp::Event::Kind::kBody:
      return on_body(session, event.bytes);
    case smtp::Event::Kind::kDataEnd:
      return on_data_end(session);
    case smtp::Event::Kind::kReset:
      return drop_message(session);
    case smtp::Event::Kind::kDataRefused:
    case smtp::Event::Kind::kRefused:
      return on_server_refusal(session, event, replies_before);
  }
}

// The dialogue itself has said no.
void Front::on_server_refusal(Session& session, const smtp::Event& event, size_t replies_before) {
  const bool content = event.kind == smtp::Event::Kind::kDataRefused;
  if (content) drop_message(session);
  Client client = client_of(session);
  client.at_data_end = content;
  if (event.path.read && event.bytes == "MAIL") client.asked_sender = event.path.address;
  observer_.on_refused(client, event.bytes, content ? *event.refused : session.server.transaction(),
                       {}, event.reply, content ? "content" : why_refused(session, event));
  if (event.reply.permanent()) on_error_reply(session, replies_before);
}

void Front::answer(Session& session, const policy::Decision& decision, const smtp::Reply& accepted,
                   std::string_view command, std::string_view recipient) {
  const smtp::Reply reply = reply_of(decision, accepted);
  if (!decision.allowed) {
    std::string reason(decision.reason);
    if (decision.needs_proof && session.tls != nullptr) (reason += ": ") += session.tls->no_partner;
    observer_.on_refused(client_of(session), command, session.server.transaction(), recipient,
                         reply, reason);
    note(session, reason, "refused");
  }
  const size_t replies_before = session.server.output().size();
  session.server.answer({reply});
  if (reply.permanent()) on_error_reply(session, replies_before);
}

void Front::on_mail(Session& session, const smtp::Event& event) {
  session.mail_began = loop_.now();
  // What a BDAT that was refused has left: MAIL comes where there is no transaction.
  drop_message(session);
  const bool internal = session.receive_connector().is_internal(session.principal);
  const auto pressed = pressure_->mail(internal);
  if (!pressed.allowed) return answer(session, pressed, {}, "MAIL", {});
  if (queues(session) && !spool_.accepting(session.receive_connector().name)) {
    observer_.on_refused(client_of(session), "MAIL", session.server.transaction(), {},
                         smtp::replies::kInsufficientResources, "the spool is full");
    note(session, "the spool is full", "refused");
    return session.server.answer({smtp::replies::kInsufficientResources});
  }
  const auto& snapshot = session.policy->policy->snapshot();
  const auto decision =
      snapshot.mail(session.connector, session.principal, event.path.domain,
                    {.in_tls = session.server.in_tls(), .partner = session.partner});
  if (decision.allowed && !may_send(session, event)) return;
  if (!decision.allowed) return answer(session, decision, {}, "MAIL", {});
  const Duration wait = pressure_->wait(internal);
  if (session.dialogue != nullptr && wait.ns > 0) note(session, tarpit_text(wait), "back pressure");
  hold(session, wait, session.server.output().size());
  if (has_milter(session)) return ask_about_mail(session, event);
  accept_mail(session);
}

// We have no objection, nor has the milter.
void Front::accept_mail(Session& session) {
  if (is_proxied(session)) return ask_upstream_for_mail(session);
  session.server.answer({smtp::replies::kSenderOk});
}

void Front::on_recipient(Session& session, const smtp::Event& event) {
  const auto& snapshot = session.policy->policy->snapshot();
  const auto decision = snapshot.recipient(session.connector, session.principal, event.path.domain);
  if (decision.allowed && !may_address(session, event)) return;
  if (!decision.allowed) return answer(session, decision, {}, "RCPT", event.path.address);
  if (!session.milter.talk.is_null()) return ask_about_recipient(session);
  accept_recipient(session);
}

void Front::accept_recipient(Session& session) {
  if (session.upstream.talk.is_null()) return session.server.answer({smtp::replies::kRecipientOk});
  session.upstream.asked = Asked::kRecipient;
  upstreams_.recipient(session.upstream.talk, session.server.asked_path().address,
                       session.server.asked_dsn());
}

void Front::on_data(Session& session) {
  if (!may_begin_content(session)) return;
  // A milter has been told the id already.
  if (!session.milter.talk.is_null()) return ask_about_data(session);
  session.id = make_guid(options_.guid_salt, options_.core, next_id_++);
  begin_content(session);
}

// From here on it comes as spans, for whoever is to have it.
void Front::begin_content(Session& session) {
  if (!session.upstream.talk.is_null()) {
    session.upstream.asked = Asked::kData;
    return upstreams_.data(session.upstream.talk);
  }
  if (discards(session)) {
    start_content(session);
    return session.server.answer({smtp::replies::kStartMailInput});
  }
  if (!begin_message(session)) {
    observer_.on_refused(client_of(session), session.server.content_verb(),
                         session.server.transaction(), {}, smtp::replies::kInsufficientResources,
                         "no message memory is free");
    note(session, "no message memory is free", "refused");
    return session.server.answer({smtp::replies::kInsufficientResources});
  }
  prepare_content(session);
  const size_t taken = spool_.append(session.message, scratch_);
  ASSERT(taken == scratch_.size());  // begin() leaves room for it
  session.server.answer({smtp::replies::kStartMailInput});
}

// False: there is no memory for it.
bool Front::begin_message(Session& session) {
  const smtp::Transaction& transaction = session.server.transaction();
  const std::string client = session.remote.to_string();
  spool::Envelope envelope{.guid = session.id,
                           .received = loop_.wall_now(),
                           .eight_bit = transaction.body == smtp::BodyType::k8BitMime,
                           .binary = transaction.body == smtp::BodyType::kBinaryMime,
                           .utf8 = transaction.utf8,
                           .require_tls = transaction.require_tls,
                           .connector = session.receive_connector().name,
                           .client = client,
                           .sender = transaction.sender(),
                           .recipients = {},
                           .ret = static_cast<uint8_t>(transaction.ret),
                           .envid = transaction.envid(),
                           .dsn = {}};
  envelope.recipients.reserve(transaction.recipient_count());
  for (size_t i = 0; i < transaction.recipient_count(); ++i)
    envelope.recipients.push_back(transaction.recipient(i));
  for (size_t i = 0; transaction.has_dsn() && i < transaction.recipient_count(); ++i) {
    const smtp::RecipientDsn dsn = transaction.recipient_dsn(i);
    envelope.dsn.push_back({dsn.notify, dsn.orcpt});
  }
  session.message = spool_.begin(envelope, sessions_.handle_of(&session));
  return !session.message.is_null();
}

// Whoever is to have it: nothing has come yet.
void Front::start_content(Session& session) {
  session.write_failed = false;
  session.content_octets = 0;
  session.uncharged_content = true;
  const Guid::Text id = session.id.text();
  note(session, view(id), "receiving message");
}

// Leaves the fields that go in front in scratch_.
void Front::prepare_content(Session& session) {
  start_content(session);
  const smtp::Transaction& transaction = session.server.transaction();
  const Guid::Text id = session.id.text();
  const std::string local = session.local.address.to_string();
  const std::string date = rfc5322_date(loop_.wall_now());
  const std::string tls = tls_text(session);
  scratch_.clear();
  smtp::append_received(scratch_,
                        {.hello = session.server.hello_name(),
                         .client_ip = session.client,
                         .fqdn = session.policy->policy->options(session.connector).fqdn,
                         .local_ip = local,
                         .esmtp = session.server.is_esmtp(),
                         .authenticated = session.server.is_authenticated(),
                         .tls = tls,
                         .utf8 = transaction.utf8,
                         .id = view(id),
                         .recipient = transaction.recipient_count() == 1 ? transaction.recipient(0)
                                                                         : std::string_view{},
                         .date = date});
  append_stamps(session);
}

// The one place where a session says how far it was trusted, to those who read the message later.
void Front::append_stamps(const Session& session) {
  const smtp::ServerOptions& options = session.policy->policy->options(session.connector);
  if (!options.header.stamped) return;
  // Exchange publishes no number for a client that has authenticated.
  const bool secured = session.receive_connector().is_internal(session.principal);
  smtp::append_auth_headers(scratch_,
                            {.internal = secured || session.server.is_authenticated(),
                             .source = options.fqdn,
                             .mechanism = secured ? smtp::kExternallySecured : std::string_view{}});
}

void Front::on_body(Session& session, std::string_view bytes) {
  session.content_octets += bytes.size();
  size_t taken = bytes.size();
  if (!session.upstream.talk.is_null()) {
    upstreams_.content(session.upstream.talk, bytes, !session.server.has_stuffed_dots());
    session.upstream.full = upstreams_.full(session.upstream.talk);
  } else if (!discards(session)) {
    // Failed, and told so, or about to be: the event is on its way.
    if (session.write_failed || spool_.find(session.message) == nullptr) return;
    taken = spool_.append(session.message, bytes);
  }
  if (!session.milter.talk.is_null()) {
    milters_.content(session.milter.talk, bytes.substr(0, taken));
    session.milter.full = milters_.full(session.milter.talk);
  }
  pace_content(session, taken);
  if (taken == bytes.size()) return;
  session.unwritten = bytes.substr(taken);
  session.waits_for_space = true;
}

void Front::on_data_end(Session& session) {
  if (session.write_failed) return on_write_failed(session);
  // Clients that may not send as anybody may not show just anybody either.
  const auto& policy = *session.policy->policy;
  if (policy.options(session.connector).header.watch_from) {
    const policy::Decision decision = policy.snapshot().header_senders(
        session.connector, session.principal, session.server.header_from());
    if (!decision.allowed) {
      drop_message(session);
      return answer(session, decision, {}, session.server.content_verb(), {});
    }
  }
  if (!may_keep(session)) return drop_message(session);
  if (!session.milter.talk.is_null()) return ask_about_end(session);
  keep(session);
}

// Its content is whole, and nobody objects.
void Front::keep(Session& session) {
  if (!session.upstream.talk.is_null()) {
    session.upstream.asked = Asked::kEnd;
    return upstreams_.end(session.upstream.talk);
  }
  if (discards(session)) return on_kept(session, taken_reply(session));
  // Gone, and told so: the spool's event is on its way.
  if (spool_.find(session.message) != nullptr)
    spool_.commit(session.message, {.seven_bit = session.server.is_seven_bit(),
                                    .undotted = !session.server.has_stuffed_dots()});
}

// Forgets a message that is still being written. One that is being committed is past that point: it
// may become durable, and then it will be delivered, whether or not the client is still there to
// hear it.
void Front::drop_message(Session& session) {
  charge_lost_content(session);
  release_milter(session);
  release_upstream(session);
  session.waits_for_space = false;
  session.unwritten = {};
  const spool::Message* message = spool_.find(session.message);
  const bool committing = message != nullptr && message->stage != spool::Message::Stage::kWriting;
  if (message != nullptr && !committing) spool_.abort(session.message);
  if (committing) session.message_charges.clear();
  give_back(session, 0);
  session.message = {};
}

void Front::on_spool_event(const spool::Event& event) {
  Session* session = sessions_.get(event.owner);
  if (session == nullptr || session->closing || session->message != event.message) return;
  switch (event.kind) {
    case spool::Event::Kind::kCommitted:
      on_committed(*session);
      break;
    case spool::Event::Kind::kFailed:
      session->write_failed = true;
      session->message = {};
      session->waits_for_space = false;
      if (session->server.awaits_answer()) on_write_failed(*session);
      break;
    case spool::Event::Kind::kSpace: {
      session->waits_for_space = false;
      const std::string_view unwritten = std::exchange(session->unwritten, {});
      session->content_octets -= unwritten.size();  // on_body counts it again
      on_body(*session, unwritten);
      break;
    }
    default:
      ASSERT(false);
  }
  step(*session);
}

void Front::on_committed(Session& session) {
  session.message = {};
  on_kept(session, taken_reply(session));
}

// Its text is in scratch_.
smtp::Reply Front::taken_reply(const Session& session) {
  const Guid::Text id = session.id.text();
  scratch_.clear();
  scratch_.append(1, '<').append(view(id)).append("> ");
  scratch_ += discards(session) ? smtp::replies::kDiscardedText : smtp::replies::kQueuedText;
  return {250, {2, 6, 0}, scratch_};
}

// Somebody answers for it now, or nobody ever will, and was not meant to.
void Front::on_kept(Session& session, const smtp::Reply& reply) {
  observer_.on_taken(client_of(session), session.server.transaction(), session.id,
                     session.content_octets, reply, loop_.now() - session.mail_began);
  session.message_charges.clear();
  release_milter(session);
  release_upstream(session);
  session.server.answer({reply});
  on_message_done(session);
}

void Front::on_write_failed(Session& session) {
  release_milter(session);
  give_back(session, 0);
  session.write_failed = false;
  observer_.on_refused(client_of(session), session.server.content_verb(),
                       session.server.transaction(), {}, smtp::replies::kWriteFailed,
                       "the spool could not write the message");
  note(session, "the spool could not write the message", "refused");
  session.server.answer({smtp::replies::kWriteFailed});
}

}  // namespace relais::front
