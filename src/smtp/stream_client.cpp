#include "smtp/stream_client.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

constexpr uint16_t kServiceClosing = 421;
constexpr uint16_t kStartInput = 354;
constexpr uint16_t kGreetingCode = 220;
constexpr uint16_t kOkay = 250;
constexpr uint16_t kCannotVerify = 252;
// A reply of so many octets has no end. (That to EHLO may be long, others are a line or two.)
constexpr uint32_t kReplyOctetsMax = 64 * 1024;
// What is said to be larger has more replies to its chunks, one for each time that output is taken,
// than the leave for DATA costs.
constexpr uint64_t kChunkedMax = 128 * 1024;
// Of what was said, in a reason.
constexpr size_t kExcerpt = 80;

constexpr bool is_negative(const PeerReply& reply) { return reply.code >= 400; }

}  // namespace

StreamClient::StreamClient(const ClientOptions& options)
    : ehlo_name_(options.ehlo_name),
      chunking_(options.chunking),
      opening_(options),
      awaits_{Await::kGreeting} {
  ASSERT(!ehlo_name_.empty() && std::ranges::all_of(ehlo_name_, is_printable));
}

// ---- what we say

void StreamClient::begin(const MailCommand& mail) {
  ASSERT(can_begin() && cannot_take(extensions_, mail).empty());
  phase_ = Phase::kEnvelope;
  answered_ = end_taken_ = mail_refused_ = go_due_ = last_chunk_due_ = chunk_refused_ = false;
  utf8_ = mail.utf8;
  binary_ = mail.binary;
  chunked_ = extensions_.chunking && (mail.binary || (chunking_ && mail.size <= kChunkedMax));
  owed_ = 0;
  mail_.clear();
  append_mail(mail_, extensions_, mail);
}

void StreamClient::recipient(std::string_view address, const RecipientDsn& dsn) {
  ASSERT(phase_ == Phase::kEnvelope);
  if (over_) return;
  if (mail_refused_) {
    ++owed_;
    return;
  }
  if (!mail_.empty()) {
    if (std::exchange(reset_due_, false)) say(Await::kReset, "RSET\r\n");
    say(Await::kMail, mail_);
    mail_.clear();
  }
  scratch_.clear();
  append_recipient(scratch_, extensions_, address, dsn, utf8_);
  say(Await::kRecipient, scratch_);
}

void StreamClient::data() {
  ASSERT(phase_ == Phase::kEnvelope && !awaits(Await::kRecipient) && owed_ == 0);
  if (over_) return;
  unstuffing_.reset();
  if (chunked_) {
    go_due_ = true;
  } else {
    say(Await::kData, "DATA\r\n");
  }
}

void StreamClient::content(std::string_view wire, bool undotted) {
  ASSERT(phase_ == Phase::kContent || phase_ == Phase::kDone || over_);
  if (over_ || phase_ != Phase::kContent || chunk_refused_) return;
  if (chunked_) {
    if (undotted)
      unstuffing_.pass(wire);
    else
      wire = unstuffing_.next(wire, scratch_);
    if (wire.empty()) return;
    if (chunk_.empty()) chunk_.resize(kCommandRoom);
    chunk_ += wire;
  } else {
    output_ += wire;
  }
}

void StreamClient::end() {
  ASSERT(phase_ == Phase::kContent || phase_ == Phase::kDone || over_);
  if (over_ || phase_ == Phase::kDone) return;
  phase_ = Phase::kEnding;
  if (chunked_) {
    last_chunk_due_ = !chunk_refused_;
  } else {
    output_ += ".\r\n";
    awaits_.push_back(Await::kContent);
  }
}

bool StreamClient::abandon() {
  if (over_) return false;
  const bool begun = phase_ == Phase::kContent || phase_ == Phase::kEnding || awaits(Await::kData);
  if (begun) return false;
  const bool said = phase_ == Phase::kEnvelope && mail_.empty();
  // What has been held back is not said at all; if MAIL is among it, nothing is there to reset.
  const bool mail_held = std::ranges::find(held_, Await::kMail, &Held::await) != held_.end();
  if (said && !mail_refused_ && !mail_held) reset_due_ = true;
  std::erase_if(held_, [](const Held& held) { return held.await != Await::kReset; });
  for (Await& await : awaits_) {
    if (await == Await::kMail || await == Await::kRecipient) await = Await::kForgotten;
  }
  phase_ = Phase::kNone;
  go_due_ = false;
  owed_ = 0;
  mail_.clear();
  return !spoilt_;
}

void StreamClient::quit() {
  ASSERT(can_begin());
  quitting_ = true;
  say(Await::kQuit, "QUIT\r\n");
}

void StreamClient::say(Await await, std::string_view text) {
  if (!in_step() || !held_.empty()) {
    held_.push_back({await, std::string(text)});
    return;
  }
  awaits_.push_back(await);
  output_ += text;
}

void StreamClient::release_held() {
  if (held_.empty() || !awaits_.empty()) return;
  awaits_.push_back(held_.front().await);
  output_ += held_.front().text;
  held_.pop_front();
}

bool StreamClient::awaits(Await kind) const {
  return std::ranges::find(awaits_, kind) != awaits_.end() ||
         std::ranges::find(held_, kind, &Held::await) != held_.end();
}

std::string_view StreamClient::take_output(std::string& memory) {
  memory.clear();
  const bool chunk_due = chunked_ && !over_ && (!chunk_.empty() || last_chunk_due_) && in_step();
  if (!chunked_ && phase_ == Phase::kEnding) end_taken_ = true;
  std::string_view out;
  if (chunk_due) {
    out = take_chunk(memory);
  } else {
    std::swap(memory, output_);
    out = memory;
  }
  sent_ = awaits_.size();
  return out;
}

std::string_view StreamClient::take_chunk(std::string& memory) {
  ASSERT(output_.empty());  // each command before it was answered
  scratch_ = "BDAT ";
  scratch_ += std::to_string(chunk_octets());
  scratch_ += last_chunk_due_ ? " LAST\r\n" : "\r\n";
  end_taken_ = last_chunk_due_;
  last_chunk_due_ = false;
  awaits_.push_back(Await::kChunk);
  if (chunk_.empty()) chunk_.resize(kCommandRoom);
  const size_t begin = kCommandRoom - scratch_.size();
  std::ranges::copy(scratch_, chunk_.begin() + static_cast<ptrdiff_t>(begin));
  std::swap(memory, chunk_);
  return std::string_view(memory).substr(begin);
}

void StreamClient::trim(size_t octets) {
  ASSERT(phase_ == Phase::kNone && chunk_.empty());
  if (chunk_.capacity() > octets) chunk_ = {};
  if (output_.empty() && output_.capacity() > octets) output_ = {};
}

// ---- what it answered

void StreamClient::feed(std::span<const char> bytes) {
  if (over_) return;
  ASSERT(input_.empty() && !opening_.in_handshake());  // until tls_started() nobody speaks SMTP
  input_ = {bytes.data(), bytes.size()};
}

StreamEvent StreamClient::next() {
  if (over_) return {.kind = Kind::kOver, .reply = refusal(), .stage = stage_};
  StreamEvent event;
  while (!next_without_reply(event)) {
    if (at_reply_start() && !input_.empty()) {
      octets_ = 0;
      unasked_ = sent_ == 0;
      if (is_stray()) return on_stray();
    }
    std::string_view line;
    switch (lines_.take(input_, line)) {
      case LineReader::Got::kNothing:
        return {};
      case LineReader::Got::kTooLong:
        return violate("said a line without an end", {});
      case LineReader::Got::kLine:
        break;
    }
    event = on_line(line);
    if (event.kind != Kind::kNeedInput) break;
  }
  return event;
}

// Octets of which none can belong to anything. What they are is seen by the first of them: 421 may
// come at any time, refusals of content before its end.
bool StreamClient::is_stray() const {
  if (sent_ > 0 || input_.empty()) return false;
  const bool in_content = phase_ == Phase::kContent || phase_ == Phase::kEnding;
  return input_.front() != '4' && !(in_content && input_.front() == '5');
}

StreamEvent StreamClient::on_stray() {
  return violate("said what nobody had asked for", input_.substr(0, input_.find("\r\n")));
}

StreamEvent StreamClient::on_line(std::string_view line) {
  const PeerReplyReader::Got got = reader_.take(line);
  if (got == PeerReplyReader::Got::kMalformed) return violate("said what is no reply", line);
  octets_ += static_cast<uint32_t>(line.size());
  if (octets_ > kReplyOctetsMax) return violate("said a reply without an end", line);
  const bool of_hello = !awaits_.empty() && awaits_.front() == Await::kEhlo;
  if (of_hello && !reader_.is_first_line()) extensions_.note(reader_.line_text());
  if (got == PeerReplyReader::Got::kMore) return {};
  const StreamEvent event = on_reply(reader_.reply());
  // More than one answer to one command: which of them is it?
  if (!over_ && is_stray()) return on_stray();
  return event;
}

bool StreamClient::next_without_reply(StreamEvent& event) {
  if (owed_ > 0 && !awaits(Await::kRecipient)) {
    --owed_;
    event = {.kind = Kind::kRecipient, .reply = refusal()};
    return true;
  }
  if (std::exchange(go_due_, false)) {
    phase_ = Phase::kContent;
    event = {.kind = Kind::kData, .reply = {kStartInput, {}}};
    return true;
  }
  // Chunks were refused before the content had ended; nothing is under way any more.
  if (phase_ == Phase::kEnding && chunk_refused_ && !awaits(Await::kChunk)) {
    event = finish(refusal());
    return true;
  }
  return false;
}

std::string_view StreamClient::name_of(Await await) {
  switch (await) {
    case Await::kGreeting:
      return "the connection";
    case Await::kEhlo:
      return "EHLO";
    case Await::kHelo:
      return "HELO";
    case Await::kOpening:
      return "STARTTLS, XCLIENT or AUTH";
    case Await::kForgotten:
      return "MAIL or RCPT";
    case Await::kReset:
      return "RSET";
    case Await::kMail:
      return "MAIL";
    case Await::kRecipient:
      return "RCPT";
    case Await::kData:
      return "DATA";
    case Await::kChunk:
      return "BDAT";
    case Await::kContent:
      return "the end of data";
    case Await::kQuit:
      return "QUIT";
  }
  return {};
}

// Whether a reply of this code can be one to it.
bool StreamClient::answers(Await await, const PeerReply& reply) {
  if (is_negative(reply)) return true;
  switch (await) {
    case Await::kGreeting:
      return reply.code == kGreetingCode;
    case Await::kRecipient:
    case Await::kForgotten:
      return reply.code >= kOkay && reply.code <= kCannotVerify;
    case Await::kData:
      return reply.code == kStartInput;
    case Await::kOpening:  // it judges for itself
    case Await::kQuit:
      return true;
    default:
      return reply.code == kOkay;
  }
}

StreamEvent StreamClient::on_reply(const PeerReply& reply) {
  if (reply.code == kServiceClosing) return stop(reply);
  if (unasked_) return on_unasked(reply);
  const Await await = awaits_.front();
  if (!answers(await, reply)) {
    std::string what = "answered ";
    what += name_of(await);
    what += " with ";
    what += std::to_string(reply.code);
    return violate(what, reply.text);
  }
  awaits_.erase(awaits_.begin());
  --sent_;
  const StreamEvent event = on_answer(await, reply);
  if (!over_) release_held();
  return event;
}

// In the middle of content it can only mean that the server wants no more of it. The end of that
// content is not said any more: nobody knows what the server would make of it.
StreamEvent StreamClient::on_unasked(const PeerReply& reply) {
  const bool in_content = phase_ == Phase::kContent || phase_ == Phase::kEnding;
  if (!in_content || sent_ > 0 || !is_negative(reply))
    return violate("said what nobody had asked for", std::to_string(reply.code));
  spoilt_ = true;
  phase_ = Phase::kDone;
  awaits_.clear();
  output_.clear();
  chunk_.clear();
  last_chunk_due_ = false;
  return {.kind = Kind::kEnd, .reply = reply};
}

StreamEvent StreamClient::on_answer(Await await, const PeerReply& reply) {
  switch (await) {
    case Await::kGreeting:
      if (is_negative(reply)) return stop(reply);
      say_hello();
      return {};
    case Await::kEhlo:
    case Await::kHelo:
      return on_hello(await, reply);
    case Await::kOpening:
      return go_on(opening_.on_reply(reply, extensions_, !input_.empty()));
    case Await::kQuit:
      return stop(reply);
    case Await::kReset:
      return is_negative(reply) ? stop(reply) : StreamEvent{};
    case Await::kForgotten:
      return {};
    case Await::kMail:
      return on_mail(reply);
    case Await::kRecipient:
      answered_ = true;
      return {.kind = Kind::kRecipient, .reply = mail_refused_ ? refusal() : reply};
    case Await::kData:
      if (!is_negative(reply)) phase_ = Phase::kContent;
      return {.kind = Kind::kData, .reply = reply};
    case Await::kChunk:
      return on_chunk(reply);
    case Await::kContent:
      return finish(reply);
  }
  return {};
}

StreamEvent StreamClient::on_hello(Await await, const PeerReply& reply) {
  if (is_negative(reply)) {
    extensions_ = {};
    // RFC 5321 4.1.4: a server that does not know EHLO is asked again with HELO.
    if (await == Await::kHelo || reply.code < 500) return stop(reply);
    say(Await::kHelo, "HELO " + ehlo_name_ + "\r\n");
    return {};
  }
  return go_on(opening_.on_hello(reply, extensions_, !input_.empty()));
}

StreamEvent StreamClient::go_on(const Opening::Step& step) {
  using StepKind = Opening::Step::Kind;
  switch (step.kind) {
    case StepKind::kSay:
      say(Await::kOpening, step.text + "\r\n");
      return {};
    case StepKind::kStartTls:
      return {.kind = Kind::kStartTls, .reply = step.reply};
    case StepKind::kHello:
      if (!step.text.empty()) ehlo_name_ = step.text;
      say_hello();
      return {};
    case StepKind::kReady:
      ready_ = true;
      return {.kind = Kind::kReady, .reply = step.reply};
    case StepKind::kUnusable:
      break;
  }
  stage_ = step.stage;
  return stop(step.reply);
}

void StreamClient::tls_started() {
  if (over_) return;
  opening_.tls_started();
  say_hello();
}

// Once more, also: what was known of the server is forgotten (RFC 3207 section 4.2).
void StreamClient::say_hello() {
  extensions_ = {};
  say(Await::kEhlo, "EHLO " + ehlo_name_ + "\r\n");
}

StreamEvent StreamClient::on_mail(const PeerReply& reply) {
  answered_ = true;
  mail_refused_ = is_negative(reply);
  if (!mail_refused_) return {};
  keep_refusal(reply);
  // In lock-step the recipients are not asked about any more.
  owed_ += static_cast<uint32_t>(held_.size());
  held_.clear();
  return {};
}

// The first refusal says what is wrong; chunks behind it are refused for its sake.
StreamEvent StreamClient::on_chunk(const PeerReply& reply) {
  if (is_negative(reply) && !std::exchange(chunk_refused_, true)) {
    keep_refusal(reply);
    chunk_.clear();
    last_chunk_due_ = false;
  }
  if (phase_ != Phase::kEnding || last_chunk_due_ || !chunk_.empty() || awaits(Await::kChunk))
    return {};
  return finish(chunk_refused_ ? refusal() : reply);
}

StreamEvent StreamClient::finish(const PeerReply& reply) {
  reset_due_ = chunk_refused_;
  phase_ = Phase::kNone;
  return {.kind = Kind::kEnd, .reply = reply};
}

StreamEvent StreamClient::stop(const PeerReply& reply) {
  over_ = true;
  keep_refusal(reply);
  input_ = {};
  lines_.reset();
  output_.clear();
  chunk_.clear();
  held_.clear();
  last_chunk_due_ = false;
  return {.kind = Kind::kOver, .reply = refusal(), .stage = stage_};
}

// `said`: what was, in its own words, which may be anything.
StreamEvent StreamClient::violate(std::string_view what, std::string_view said) {
  violation_ = true;
  std::string text(what);
  if (!said.empty()) text += ": ";
  for (const char c : said.substr(0, kExcerpt)) text += is_printable(c) ? c : c == '\n' ? ' ' : '?';
  return stop({0, text});
}

void StreamClient::keep_refusal(const PeerReply& reply) {
  refusal_code_ = reply.code;
  refusal_text_ = reply.text;
}

void StreamClient::invariants() const {
  lines_.invariants();
  ASSERT(over_ || ready_ || phase_ == Phase::kNone);
  ASSERT(extensions_.pipelining || over_ || awaits_.size() <= 1 || phase_ != Phase::kEnvelope);
  ASSERT(owed_ == 0 || mail_refused_);
  ASSERT(sent_ <= awaits_.size() && (over_ || spoilt_ || output_.empty() ||
                                     sent_ < awaits_.size() || phase_ == Phase::kContent));
  ASSERT(chunk_.empty() || (chunked_ && !chunk_refused_));
  ASSERT(!last_chunk_due_ || phase_ == Phase::kEnding);
  ASSERT(phase_ != Phase::kNone || mail_.empty());
}

}  // namespace relais::smtp
