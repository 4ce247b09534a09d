#include "smtp/server.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "smtp/ascii.h"

namespace relais::smtp {
Server::Server(const ServerOptions& options, std::string_view client)
    : options_(&options), client_(client) {
  header_.reset(options.header);
}

void Server::greet(std::string_view now_text) {
  ASSERT(state_ == State::kNew);
  if (!options_->banner.empty()) {
    append_line(output_, options_->banner);
    return;
  }
  append_line(output_, {"220 ", options_->fqdn, " ESMTP MAIL Service ready at ", now_text});
}

void Server::shut(const Reply& reply) {
  if (state_ == State::kClosed) return;  // a time-out may fire while the last reply drains
  queue(reply);
  stop_at(reply);
}

void Server::feed(std::span<const char> bytes) {
  if (state_ == State::kClosed || state_ == State::kStartTls) return;
  ASSERT(needs_input());
  input_ = {bytes.data(), bytes.size()};
}

bool Server::needs_input() const {
  return input_.empty() && held_.empty() && body_.empty() && header_.needs_input() &&
         !data_complete_ && !hello_due_ && !line_due_ && !awaits_answer() &&
         !(state_ == State::kChunk && chunk_left_ == 0);
}

bool Server::awaits_answer() const { return question_ != Event::Kind::kNeedInput; }
bool Server::in_data() const { return state_ == State::kData || state_ == State::kChunk; }

bool Server::idle() const { return stands() && needs_input() && lines_.at_line_start(); }

bool Server::stands() const {
  return (state_ == State::kNew || state_ == State::kReady) && !awaits_answer() && !hello_due_ &&
         !line_due_ && !lines_.discards() && skip_ == nullptr;
}

Standing Server::standing() const {
  ASSERT(stands());
  Standing standing{.hello = hello_,
                    .unread = std::string(lines_.begun()),
                    .said_hello = state_ == State::kReady,
                    .esmtp = esmtp_,
                    .tls = tls_,
                    .authenticated = authenticated_,
                    .secret_expected = secret_expected_,
                    .takes_xclient = takes_xclient_,
                    .logon_failures = logon_failures_,
                    .errors = errors_,
                    .excused = excused_};
  standing.unread += input_;
  return standing;
}

void Server::resume(const Standing& standing) {
  ASSERT(state_ == State::kNew && needs_input() && output_.empty());
  hello_ = standing.hello;
  esmtp_ = standing.esmtp;
  tls_ = standing.tls;
  authenticated_ = standing.authenticated;
  secret_expected_ = standing.secret_expected;
  takes_xclient_ = standing.takes_xclient;
  logon_failures_ = standing.logon_failures;
  errors_ = standing.errors;
  excused_ = standing.excused;
  if (standing.said_hello) state_ = State::kReady;
}

void Server::output_consumed(size_t octets) {
  ASSERT(octets <= output_.size());
  output_.erase(0, octets);
}

Event Server::next() {
  ASSERT(!awaits_answer());
  refused_.reset();
  if (hello_due_) {
    hello_due_ = false;
    return {.kind = Event::Kind::kHello};
  }
  if (state_ == State::kStartTls) return {};
  Event event = state_ == State::kClosed ? closed() : in_data() ? next_in_data() : next_command();
  if (event.is_question()) question_ = event.kind;
  return event;
}

Event Server::next_command() {
  if (skip_ != nullptr) return skip_input() ? end_skip() : Event{};
  if (line_due_) return run_line();
  const LineReader::Got got = lines_.take(input_, line_);
  if (got == LineReader::Got::kNothing) return {};
  line_too_long_ = got == LineReader::Got::kTooLong;
  if (state_ == State::kAuth) return run_auth_line();
  if (!asks_) return run_line();
  line_due_ = true;
  return {.kind = Event::Kind::kCommand, .bytes = line_too_long_ ? std::string_view{} : line_};
}

Event Server::run_line() {
  line_due_ = false;
  if (line_too_long_) return refuse(replies::kLineTooLong, {});
  Event event = run(line_);
  if (event.kind == Event::Kind::kNeedInput) event.kind = Event::Kind::kAnswered;
  return event;
}

void Server::answer(const Verdict& verdict) {
  ASSERT(awaits_answer());
  if (question_ == Event::Kind::kCommand) {
    question_ = Event::Kind::kNeedInput;
    if (!verdict.reply.positive()) shut(verdict.reply);
    return;
  }
  if (question_ == Event::Kind::kStartTls && verdict.reply.positive()) {
    apply(std::exchange(question_, Event::Kind::kNeedInput), verdict);
    return queue(replies::kReadyForTls);
  }
  const bool about_auth = question_ == Event::Kind::kAuth;
  const bool about_data = question_ == Event::Kind::kData;
  const bool begins_data = about_data && verdict.reply.positive();
  ASSERT(!(begins_data && verdict.close));
  apply(std::exchange(question_, Event::Kind::kNeedInput), verdict);
  if (about_data && chunked_ && !verdict.close) {
    if (!begins_data) skip_first_chunk(verdict.reply);
    return;
  }
  if (about_auth && is_last_failure(verdict.reply)) return shut(replies::kTooManyErrors);
  queue(begins_data ? replies::kStartMailInput : verdict.reply);
  if (verdict.close) stop_at(verdict.reply);
}

void Server::apply(Event::Kind question, const Verdict& verdict) {
  const bool yes = verdict.reply.positive();
  if (!yes) excuse_followers_of(question);
  switch (question) {
    case Event::Kind::kStartTls:
      if (!yes) break;
      // Octets that came in the clear behind the command are nobody's (CVE-2011-0411).
      input_ = {};
      lines_.reset();
      state_ = State::kStartTls;
      break;
    case Event::Kind::kXclient:
      ASSERT(!yes);
      break;
    case Event::Kind::kAuth:
      ASSERT(!(yes && auth_->impossible()));
      authenticated_ = yes;
      secret_expected_ = !yes;
      auth_.reset();
      state_ = State::kReady;
      break;
    case Event::Kind::kMail:
      if (!yes) break;
      excused_ = 0;
      transaction_.set_sender(command_.path, command_.parameters.envid);
      transaction_.declared_size = command_.parameters.size;
      transaction_.body = command_.parameters.body;
      transaction_.utf8 = command_.parameters.utf8;
      transaction_.require_tls = command_.parameters.require_tls;
      transaction_.ret = command_.parameters.ret;
      state_ = State::kMail;
      break;
    case Event::Kind::kRecipient:
      if (!yes) break;
      transaction_.add_recipient(command_.path, command_.dsn);
      state_ = State::kRecipients;
      break;
    case Event::Kind::kData:
      if (yes) begin_data();
      break;
    case Event::Kind::kDataEnd:
      // RFC 5321 4.1.1.4: the buffers are cleared whatever the answer.
      transaction_.clear();
      state_ = State::kReady;
      chunked_ = false;
      break;
    default:
      ASSERT(false);
  }
}

void Server::begin_again(std::string_view client, bool authenticated) {
  ASSERT(question_ == Event::Kind::kXclient);
  question_ = Event::Kind::kNeedInput;
  client_ = client;
  takes_xclient_ = false;
  authenticated_ = authenticated;
  esmtp_ = false;
  hello_.clear();
  excused_ = errors_ = 0;
  logon_failures_ = 0;
  state_ = State::kNew;
}

void Server::tls_started() {
  ASSERT((state_ == State::kStartTls || state_ == State::kNew) && !tls_ && needs_input());
  tls_ = true;
  authenticated_ = false;
  esmtp_ = false;
  hello_.clear();
  excused_ = 0;
  state_ = State::kNew;
}

void Server::queue(const Reply& reply) {
  append_reply(output_, reply, options_->enhanced_status_codes);
}

// A client that pipelines sends RCPT and DATA before it knows that MAIL was refused. Those cannot
// be held against it, or max_protocol_errors would punish RFC 2920. A budget keeps that from being
// a way around the limit.
void Server::excuse_followers_of(Event::Kind refused) {
  if (refused == Event::Kind::kMail) excused_ = kPipelinedGroup;
  if (refused == Event::Kind::kRecipient) excused_ = std::max(excused_, 1U);
}

bool Server::is_excused(const Reply& reply) {
  if (&reply != &replies::kNeedMail && &reply != &replies::kNeedRecipient) return false;
  if (excused_ == 0) return false;
  --excused_;
  return true;
}

Event Server::refuse(const Reply& reply, std::string_view verb) {
  // 452 and 552 speak of limits; what is left are errors of syntax and order.
  const bool protocol_error = reply.permanent() && reply.code != replies::kTooLarge.code;
  if (protocol_error && !is_excused(reply) && errors_ != UINT32_MAX) {
    ++errors_;
    if (errors_ > options_->max_protocol_errors) return close_with(replies::kTooManyErrors);
  }
  queue(reply);
  return {.kind = Event::Kind::kRefused, .bytes = verb, .reply = reply};
}

Event Server::close_with(const Reply& reply) {
  queue(reply);
  stop_at(reply);
  return closed();
}

void Server::stop_at(const Reply& reply) {
  closing_text_ = reply.text;
  closing_ = reply;
  closing_.text = closing_text_;
  state_ = State::kClosed;
  question_ = Event::Kind::kNeedInput;
  transaction_.clear();
  lines_.reset();
  header_.reset();
  input_ = held_ = body_ = {};
  data_complete_ = hello_due_ = line_due_ = chunked_ = false;
  skip_.reset();
  auth_.reset();
}

Event Server::closed() const { return {.kind = Event::Kind::kClose, .reply = closing_}; }

void Server::invariants() const {
  ASSERT(skip_ == nullptr || !in_data());
  ASSERT((auth_ != nullptr) == (state_ == State::kAuth));
  lines_.invariants();
  const bool with_recipients =
      state_ == State::kRecipients || state_ == State::kChunks || in_data();
  ASSERT(transaction_.has_sender() == (state_ == State::kMail || with_recipients));
  ASSERT((transaction_.recipient_count() > 0) == with_recipients);
  ASSERT(!chunked_ || with_recipients);
  ASSERT(transaction_.recipient_count() <= options_->max_recipients);
  ASSERT(in_data() || (held_.empty() && body_.empty() && !data_complete_));
  ASSERT(!in_data() || lines_.at_line_start());
  ASSERT(state_ != State::kClosed || needs_input());
  switch (question_) {
    case Event::Kind::kNeedInput:
      break;
    case Event::Kind::kCommand:
      ASSERT(line_due_ && !in_data());
      break;
    case Event::Kind::kStartTls:
      ASSERT(state_ == State::kReady && !tls_);
      break;
    case Event::Kind::kXclient:
      ASSERT(takes_xclient_ && (state_ == State::kNew || state_ == State::kReady));
      break;
    case Event::Kind::kAuth:
      ASSERT(state_ == State::kAuth);
      break;
    case Event::Kind::kMail:
      ASSERT(state_ == State::kReady);
      break;
    case Event::Kind::kRecipient:
      ASSERT(state_ == State::kMail || state_ == State::kRecipients);
      break;
    case Event::Kind::kData:
      ASSERT(state_ == State::kRecipients);
      break;
    case Event::Kind::kDataEnd:
      ASSERT(in_data() && body_.empty());
      break;
    default:
      ASSERT(false);
  }
}

}  // namespace relais::smtp
