// The dialogue of a session: what the server asks, and the rules that answer.
#include "base/assert.h"
#include "sink/sink.h"
#include "smtp/command_line.h"

namespace relais::sink {
namespace {

using Kind = smtp::Event::Kind;

constexpr smtp::Reply kTaken{250, {2, 6, 0}, "Message taken"};

smtp::Reply refusal(uint16_t code) {
  return {code, {static_cast<uint8_t>(code / 100), 3, 0}, "The sink was told to refuse this"};
}

}  // namespace

void Sink::begin_dialogue(Session& session) {
  if (session.act.close) return cut(session);
  if (options().tls_at_once && session.tls == nullptr) return begin_tls(session);
  if (session.act.code != 0) return session.server.shut(refusal(session.act.code));
  session.server.greet(rfc5322_date(loop_->wall_now()));
}

void Sink::act(Session& session, const smtp::Event& event) {
  switch (event.kind) {
    case Kind::kCommand:
      return on_command(session, event);
    case Kind::kMail:
      return answer(session, smtp::replies::kSenderOk);
    case Kind::kRecipient:
      return on_recipient(session, event);
    case Kind::kData:
      return answer(session, smtp::replies::kStartMailInput);
    case Kind::kStartTls: {
      const bool refused = session.act.code != 0;
      answer(session, smtp::replies::kReadyForTls);
      if (!refused) begin_tls(session);
      return;
    }
    case Kind::kAuth:
      // A client that has cancelled, or said nothing that could be right, has not authenticated.
      return session.server.answer({session.server.credentials().user.empty()
                                        ? smtp::replies::kLogonFailed
                                        : smtp::replies::kAuthenticated});
    case Kind::kBody:
      return on_body(session, event.bytes);
    case Kind::kDataEnd:
      return on_data_end(session);
    case Kind::kDataRefused:
      figures_.refused.add(1);
      [[fallthrough]];
    case Kind::kReset:
      session.in_content = false;
      return;
    default:
      ASSERT(!event.is_question());
  }
}

// Asked only where there are rules for verbs.
void Sink::on_command(Session& session, const smtp::Event& event) {
  const auto place = place_of_verb(smtp::split_command(event.bytes).verb);
  session.act = place ? options().behaviour.act_at(*place, prng_) : Act{};
  if (session.act.delay.ns > 0) return hold(session, Session::Held::kCommand, session.act.delay);
  if (session.act.close) return cut(session);
  session.server.answer({smtp::replies::kNoop});
}

void Sink::on_recipient(Session& session, const smtp::Event& event) {
  if (session.act.code == 0) session.act.code = options().behaviour.code_for(event.path.address);
  answer(session, smtp::replies::kRecipientOk);
}

// As the rules at this command say; else yes.
void Sink::answer(Session& session, const smtp::Reply& yes) {
  const uint16_t code = std::exchange(session.act.code, uint16_t{0});
  if (code == 0) return session.server.answer({yes});
  session.server.answer({.reply = refusal(code), .close = code == 421});
}

void Sink::on_body(Session& session, std::string_view bytes) {
  if (!session.in_content) {
    session.in_content = true;
    session.message = {};
    session.dots.reset();
    session.act = options().behaviour.act_at(Place::kContent, prng_);
    if (session.act.delay.ns > 0) hold(session, Session::Held::kContent, session.act.delay);
    if (session.act.close && session.act.delay.ns == 0) return cut(session);
  }
  // Most messages have no dot that stuffing put there, and looking for one would cost more than all
  // that is done here.
  if (!session.server.has_stuffed_dots()) {
    session.dots.pass(bytes);
    session.message.feed(bytes);
  } else {
    session.message.feed(session.dots.next(bytes, unstuffed_));
  }
}

void Sink::on_data_end(Session& session) {
  // Of no octet at all, or what came before is not to be taken for it.
  if (!session.in_content) session.message = {};
  session.in_content = false;
  session.act = options().behaviour.act_at(Place::kEnd, prng_);
  if (session.act.delay.ns > 0) return hold(session, Session::Held::kEnd, session.act.delay);
  end_message(session);
}

void Sink::end_message(Session& session) {
  if (session.act.close) {
    note(session, ledger::Fate::kUnknown, 0);
    return cut(session);
  }
  const uint16_t code = session.act.code;
  if (code != 0) {
    figures_.refused.add(1);
    note(session, ledger::Fate::kRefused, code);
  } else if (session.peer_done) {
    // It gave up while we let it wait: nobody hears the reply.
    note(session, ledger::Fate::kUnknown, 0);
  } else {
    count(session);
    note(session, ledger::Fate::kAccepted, kTaken.code);
  }
  answer(session, kTaken);
}

void Sink::count(Session& session) {
  const smtp::Transaction& transaction = session.server.transaction();
  figures_.messages.add(1);
  figures_.octets.add(session.server.content_size());
  figures_.recipients.add(transaction.recipient_count());
  figures_.last_ns.store(loop_->now().ns, std::memory_order_relaxed);
  const auto& mark = session.message.mark();
  if (!mark) {
    figures_.unmarked.add(1);
  } else {
    if (mark->body != session.message.body()) figures_.damaged.add(1);
    for (size_t i = 0; i < transaction.recipient_count(); ++i) {
      const auto seen = shared_.seen.add(mark->run, mark->number, transaction.recipient(i));
      if (seen == Seen::Answer::kBefore) figures_.duplicates.add(1);
      if (seen == Seen::Answer::kFull) figures_.not_compared.add(1);
    }
  }
  if (options().count == 0) return;
  if (shared_.messages.fetch_add(1, std::memory_order_relaxed) + 1 == options().count)
    shared_.wake_main();
}

// Into the ledger.
void Sink::note(Session& session, ledger::Fate fate, uint16_t code) {
  if (!ledger_) return;
  const smtp::Transaction& transaction = session.server.transaction();
  std::string& out = ledger_->buffer();
  ledger::begin_received(out, fate, code, session.message.mark(), session.message.body());
  for (size_t i = 0; i < transaction.recipient_count(); ++i)
    ledger::append_recipient(out, transaction.recipient(i));
  ledger::end_line(out);
  on_ledger(ledger_->written());
}

void Sink::hold(Session& session, Session::Held why, Duration time) {
  ASSERT(session.held == Session::Held::kNothing);
  session.held = why;
  session.hold_timer = loop_->arm_timer(
      loop_->now() + time, {ring::Operation::kSessionTimer, sessions_->handle_of(&session)});
}

void Sink::on_held_long_enough(Session& session) {
  session.hold_timer = {};
  if (session.closing) return;
  switch (std::exchange(session.held, Session::Held::kNothing)) {
    case Session::Held::kNothing:
      ASSERT(false);
      break;
    case Session::Held::kBanner:
      begin_dialogue(session);
      break;
    case Session::Held::kCommand:
      if (session.act.close) {
        cut(session);
      } else {
        session.server.answer({smtp::replies::kNoop});
      }
      break;
    case Session::Held::kContent:
      if (session.act.close) cut(session);
      break;
    case Session::Held::kEnd:
      end_message(session);
      break;
    case Session::Held::kReading:
      session.read_paid = true;
      break;
  }
  step(session);
}

// Earlier replies still go out.
void Sink::cut(Session& session) {
  figures_.cut.add(1);
  session.finishing = true;
}

}  // namespace relais::sink
