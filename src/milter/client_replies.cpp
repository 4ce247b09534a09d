// What the milter's answers mean.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "milter/client.h"
#include "milter/protocol.h"

namespace relais::milter {
namespace {

using Action = Verdict::Action;

Stage stage_of(char command) {
  switch (command) {
    case command::kConnect:
      return Stage::kConnect;
    case command::kHello:
      return Stage::kHello;
    case command::kMail:
      return Stage::kMail;
    case command::kRecipient:
      return Stage::kRecipient;
    case command::kData:
      return Stage::kData;
    case command::kEndOfBody:
      return Stage::kEnd;
    default:
      return Stage::kContent;
  }
}

bool is_change(char answer) {
  return std::ranges::find(answer::kChanges, answer) != std::end(answer::kChanges);
}

}  // namespace

Event Client::next() {
  for (;;) {
    if (!why_.empty()) {
      input_ = {};
      return {.kind = Event::Kind::kUnusable, .why = why_};
    }
    const bool nothing_due = awaited_ == 0 && question_ != Question::kEnd;
    const bool settled = decision() != nullptr || recipient_.made || nothing_due;
    if (question_ != Question::kNone && settled) return answer_question();
    Packet packet;
    switch (reader_.take(input_, packet)) {
      case PacketReader::Got::kNothing:
        return {};
      case PacketReader::Got::kNonsense:
        return fail("it sent a packet of an impossible length");
      case PacketReader::Got::kPacket: {
        const Event event = on_packet(packet);
        if (event.kind != Event::Kind::kNeedInput) return event;
        break;
      }
    }
  }
}

Event Client::answer_question() {
  question_ = Question::kNone;
  const Decision* made = decision();
  if (made == nullptr && recipient_.made) made = &recipient_;
  Event event{.kind = Event::Kind::kAnswer};
  if (made == nullptr) return event;
  event.verdict = made->verdict;
  event.verdict.text = made->text;
  // It was about one recipient, and has been told. The text stays until the next one.
  recipient_.made = false;
  return event;
}

Event Client::fail(std::string_view why) {
  why_ = why;
  question_ = Question::kNone;
  input_ = {};
  forget_queue();
  return {.kind = Event::Kind::kUnusable, .why = why_};
}

Event Client::on_packet(const Packet& packet) {
  if (awaited_ == 0) return fail("it answered without being asked");
  if (awaited_ != command::kNegotiate) return on_answer(packet);
  if (packet.command != command::kNegotiate) return fail("it refused the negotiation");
  return on_negotiated(packet.data);
}

Event Client::on_negotiated(std::string_view data) {
  if (data.size() < 12) return fail("its negotiation was cut short");
  const uint32_t version = read_number(data);
  if (version < kVersionMin || version > kVersionOffered)
    return fail("it speaks no version of the protocol that relais knows");
  version_ = version;
  // What it wants and was not offered (rspamd names all that it could do) it will not get.
  wants_changes_ = read_number(data.substr(4)) != 0;
  wishes_ = read_number(data.substr(8)) & wish::kOffered;
  awaited_ = 0;
  release();
  return {.kind = Event::Kind::kReady};
}

Event Client::on_answer(const Packet& packet) {
  switch (packet.command) {
    case answer::kContinue:
      if (awaited_ == command::kEndOfBody) return decide(Action::kContinue, {});
      awaited_ = 0;
      release();
      return {};
    case answer::kAccept:
      return decide(Action::kAccept, {});
    case answer::kReject:
      return decide(Action::kReject, {});
    case answer::kTempfail:
      return decide(Action::kTempfail, {});
    case answer::kDiscard:
      if (stage_of(awaited_) <= Stage::kHello) return fail("it would discard a whole session");
      return decide(Action::kDiscard, {});
    case answer::kReplyCode:
      return decide_by_code(packet.data);
    case answer::kProgress:
      return {.kind = Event::Kind::kProgress};
    case answer::kSkip:
      if (awaited_ != command::kBody) return fail("it skips what is no body");
      skip_body_ = true;
      awaited_ = 0;
      close_body();
      release();
      return {};
    case answer::kConnectionFailed:
      return decide(Action::kTempfail, {});
    case answer::kShutdown:
      return decide(Action::kShutdown, {});
    default:
      break;
  }
  if (!is_change(packet.command)) return fail("it gave an answer that does not exist");
  if (awaited_ != command::kEndOfBody) return fail("it changes a message before its end");
  ++changes_ignored_;
  return {};
}

Event Client::decide_by_code(std::string_view data) {
  std::string_view text;
  if (!take_text(data, text)) return fail("its reply has no end");
  const auto reply = parse_reply_code(text);
  if (!reply) return fail("its reply is no SMTP refusal");
  if (reply->code == 421) return decide(Action::kShutdown, *reply);
  return decide(reply->code >= 500 ? Action::kReject : Action::kTempfail, *reply);
}

Event Client::decide(Action action, const ReplyCode& reply) {
  const Stage stage = stage_of(std::exchange(awaited_, 0));
  const bool of_recipient =
      stage == Stage::kRecipient && (action == Action::kReject || action == Action::kTempfail);
  Decision& decision = stage <= Stage::kHello ? session_ : of_recipient ? recipient_ : message_;
  decision = {
      .made = true,
      .verdict = {.action = action, .stage = stage, .code = reply.code, .enhanced = reply.enhanced},
      .text = reply.text};
  if (stage == Stage::kEnd) abort_due_ = false;
  if (stage <= Stage::kHello) abort_due_ = false;
  if (!of_recipient) forget_queue();
  return {};
}

}  // namespace relais::milter
