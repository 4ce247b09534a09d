// The verb table. A verb is a row: its name, check (syntax, no effect) and proceed (effect), the
// states it is allowed in, whether it takes arguments. For MAIL, RCPT and DATA proceed only asks;
// the effect is in Server::apply, behind the caller's verdict.
#include <algorithm>
#include <charconv>
#include <limits>

#include "base/assert.h"
#include "base/decimal.h"
#include "smtp/ascii.h"
#include "smtp/server.h"
#include "smtp/xclient.h"

namespace relais::smtp {
namespace {

constexpr size_t kHelloMax = 255;     // octets, as of a domain
constexpr size_t kVerbShownMax = 32;  // of an unknown verb, for the log

constexpr std::string_view kStartTls = "STARTTLS";
constexpr std::string_view kExch50 = "XEXCH50";
constexpr uint32_t kExch50Max = 1U << 20;  // octets

// "<octets> <number of recipients>"
bool parse_exch50(std::string_view arguments, uint32_t& octets) {
  const char* const end = arguments.data() + arguments.size();
  const auto first = std::from_chars(arguments.data(), end, octets);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return false;
  uint64_t recipients = 0;
  const auto second = std::from_chars(first.ptr + 1, end, recipients);
  return second.ec == std::errc() && second.ptr == end && octets <= kExch50Max;
}

bool begins_with_auth(std::string_view verb) {
  return equals_ignoring_case(verb.substr(0, 4), "AUTH");
}

constexpr std::string_view kFrom = "FROM:";
constexpr std::string_view kTo = "TO:";

// States as bits of a set.
using States = uint16_t;
constexpr States in(auto... state) {
  return static_cast<States>(((1U << static_cast<unsigned>(state)) | ...));
}

}  // namespace

struct Server::Verb {
  static_assert(static_cast<unsigned>(State::kClosed) < std::numeric_limits<States>::digits);
  enum Arguments : uint8_t { kNone, kSome, kAny };
  static constexpr States kAlways =
      in(State::kNew, State::kReady, State::kMail, State::kRecipients, State::kChunks);

  std::string_view name;
  const Reply* (Server::*check)(Command&) const;
  Event (Server::*proceed)(const Command&);
  States states;  // bits: where it is allowed
  Arguments arguments;
  Event::Kind question = Event::Kind::kNeedInput;  // what proceed asks, if anything
  bool utf8 = false;                               // its arguments may be more than ASCII
  uint32_t key = verb_key(name);
};

// RFC 5321 4.1.4 says which verbs need a hello or a transaction; the rest may come at any time.
constexpr Server::Verb Server::kVerbs[] = {
    {"EHLO", &Server::check_hello, &Server::proceed_ehlo, Verb::kAlways, Verb::kAny},
    {"HELO", &Server::check_hello, &Server::proceed_helo, Verb::kAlways, Verb::kAny},
    {"MAIL", &Server::check_mail, &Server::proceed_mail, in(State::kReady), Verb::kSome,
     Event::Kind::kMail, true},
    {"RCPT", &Server::check_rcpt, &Server::proceed_rcpt, in(State::kMail, State::kRecipients),
     Verb::kSome, Event::Kind::kRecipient, true},
    {"DATA", &Server::check_data, &Server::proceed_data, in(State::kRecipients), Verb::kNone,
     Event::Kind::kData},
    {"AUTH", &Server::check_auth, &Server::proceed_auth, in(State::kReady), Verb::kSome},
    {"RSET", &Server::check_nothing, &Server::proceed_rset, Verb::kAlways, Verb::kNone},
    {"NOOP", &Server::check_nothing, &Server::proceed_noop, Verb::kAlways, Verb::kAny},
    {"QUIT", &Server::check_nothing, &Server::proceed_quit, Verb::kAlways, Verb::kNone},
    {"VRFY", &Server::check_vrfy, &Server::proceed_vrfy, Verb::kAlways, Verb::kSome,
     Event::Kind::kNeedInput, true},
    {"HELP", &Server::check_nothing, &Server::proceed_help, Verb::kAlways, Verb::kAny},
};

const Server::Verb* Server::find_verb(std::string_view name) {
  const uint32_t key = verb_key(name);
  if (key == 0) return nullptr;
  for (const Verb& verb : kVerbs) {
    if (verb.key == key) return &verb;
  }
  return nullptr;
}

Event Server::run(std::string_view line) {
  const CommandLine parts = split_command(line);
  if (state_ == State::kNew && is_http(parts)) return close_with(replies::kNotHttp);
  if (equals_ignoring_case(parts.verb, "BDAT")) return run_bdat(parts.arguments, parts.clean);
  const Verb* verb = find_verb(parts.verb);
  if (verb == nullptr && equals_ignoring_case(parts.verb, kExch50)) {
    return parts.clean ? run_exch50(parts.arguments) : refuse(replies::kBadArguments, kExch50);
  }
  if (options_->starttls && equals_ignoring_case(parts.verb, kStartTls)) {
    return parts.clean ? run_starttls(parts.arguments) : refuse(replies::kBadArguments, kStartTls);
  }
  if (takes_xclient_ && equals_ignoring_case(parts.verb, kXclientVerb))
    return run_xclient(parts.arguments, parts.clean);
  if (verb == nullptr) {
    // As in AUTH=LOGIN: a client that says it goes on with its name and password.
    secret_expected_ |= begins_with_auth(parts.verb);
    const bool shown = parts.clean && !secret_expected_;
    return refuse(replies::kUnrecognized,
                  shown ? parts.verb.substr(0, kVerbShownMax) : std::string_view());
  }
  // A client that is refused AUTH may go on with its name and password all the same.
  secret_expected_ = verb->name == "AUTH";
  // Controls stop here, and 8-bit octets but for addresses: nothing behind this line has to think
  // of them.
  const bool readable = parts.clean || (verb->utf8 && options_->smtp_utf8 && parts.utf8);
  if (!readable) return refuse(replies::kBadArguments, verb->name);
  if (const Reply* refusal = order_refusal(*verb)) return refuse(*refusal, verb->name);
  command_ = {.arguments = parts.arguments, .path = {}, .parameters = {}, .dsn = {}};
  if (const Reply* refusal = check(*verb)) {
    excuse_followers_of(verb->question);
    Event event = refuse(*refusal, verb->name);
    event.path = command_.path;
    return event;
  }
  return (this->*verb->proceed)(command_);
}

const Reply* Server::order_refusal(const Verb& verb) const {
  if ((verb.states & in(state_)) != 0) return nullptr;
  switch (state_) {
    case State::kNew:
      return &replies::kSendHello;
    case State::kReady:  // RCPT and DATA
      return &replies::kNeedMail;
    case State::kMail:  // DATA, or MAIL or AUTH in MAIL
      return (verb.states & in(State::kRecipients)) != 0 ? &replies::kNeedRecipient
                                                         : &replies::kBadSequence;
    case State::kRecipients:  // MAIL and AUTH
    case State::kChunks:      // MAIL, RCPT, DATA and AUTH
      return &replies::kBadSequence;
    case State::kData:
    case State::kChunk:
    case State::kStartTls:
    case State::kAuth:
    case State::kClosed:
      break;
  }
  ASSERT(false);
  return nullptr;
}

const Reply* Server::check(const Verb& verb) {
  const bool empty = command_.arguments.empty();
  if (verb.arguments == Verb::kNone && !empty) return &replies::kBadArguments;
  if (verb.arguments == Verb::kSome && empty) return &replies::kBadArguments;
  return (this->*verb.check)(command_);
}

const Reply* Server::check_nothing(Command& /*command*/) const { return nullptr; }

// RFC 6531 section 3.7.4.2: what is more than ASCII has the parameter SMTPUTF8 behind it.
const Reply* Server::check_vrfy(Command& command) const {
  constexpr std::string_view kUtf8 = " SMTPUTF8";
  const std::string_view text = command.arguments;
  const std::string_view end = text.substr(text.size() - std::min(text.size(), kUtf8.size()));
  return is_ascii(text) || equals_ignoring_case(end, kUtf8) ? nullptr : &replies::kNeedsUtf8;
}

// RFC 3030 section 3: binary content has no lines, and so no line to end it.
const Reply* Server::check_data(Command& /*command*/) const {
  return is_binary() ? &replies::kBadSequence : nullptr;
}

// Exchange takes almost anything as a name unless RequireEHLODomain is set.
const Reply* Server::check_hello(Command& command) const {
  const std::string_view name = command.arguments;
  const bool valid = options_->require_ehlo_domain
                         ? is_domain_or_literal(name)
                         : name.size() <= kHelloMax && name.find('\t') == std::string_view::npos;
  return valid ? nullptr : &replies::kInvalidDomain;
}

// RFC 3207 section 4: without argument, once, and not in the middle of a transaction.
Event Server::run_starttls(std::string_view arguments) {
  if (!arguments.empty()) return refuse(replies::kBadArguments, kStartTls);
  if (state_ == State::kNew) return refuse(replies::kSendHello, kStartTls);
  if (tls_ || state_ != State::kReady) return refuse(replies::kBadSequence, kStartTls);
  return {.kind = Event::Kind::kStartTls};
}

Event Server::run_xclient(std::string_view arguments, bool clean) {
  if (state_ != State::kNew && state_ != State::kReady)
    return refuse(replies::kBadSequence, kXclientVerb);
  if (!clean || !parse_xclient(arguments)) return refuse(replies::kBadArguments, kXclientVerb);
  return {.kind = Event::Kind::kXclient, .bytes = arguments};
}

const Reply* Server::check_mail(Command& command) const {
  std::string_view rest = command.arguments;
  if (!starts_with_ignoring_case(rest, kFrom)) return &replies::kBadArguments;
  rest.remove_prefix(kFrom.size());
  if (!take_path(rest, PathRole::kReverse, command.path)) return &replies::kInvalidSender;
  const Reply* refusal = check_mail_parameters(rest, *options_, command.parameters);
  if (refusal != nullptr) return refusal;
  // Not offered before TLS is there.
  if (command.parameters.require_tls && !tls_) return &replies::kUnknownParameter;
  if (command.path.utf8 && !command.parameters.utf8) return &replies::kNeedsUtf8;
  return over_size_limit(command.parameters.size) ? &replies::kTooLarge : nullptr;
}

const Reply* Server::check_rcpt(Command& command) const {
  std::string_view rest = command.arguments;
  if (!starts_with_ignoring_case(rest, kTo)) return &replies::kBadArguments;
  rest.remove_prefix(kTo.size());
  if (!take_path(rest, PathRole::kForward, command.path)) return &replies::kInvalidRecipient;
  if (const Reply* refusal = check_rcpt_parameters(rest, *options_, command.dsn)) return refusal;
  const bool utf8 = command.path.utf8 || std::ranges::any_of(command.dsn.orcpt, is_eight_bit);
  if (utf8 && !transaction_.utf8) return &replies::kNeedsUtf8;
  const bool full = transaction_.recipient_count() >= options_->max_recipients;
  return full ? &replies::kTooManyRecipients : nullptr;
}

Event Server::begin_hello(const Command& command, bool esmtp) {
  const bool drop = transaction_.has_sender();
  transaction_.clear();
  chunked_ = false;
  excused_ = 0;
  hello_ = command.arguments;
  esmtp_ = esmtp;
  state_ = State::kReady;
  hello_due_ = drop;
  return {.kind = drop ? Event::Kind::kReset : Event::Kind::kHello};
}

void Server::queue_hello_line(std::string_view code) {
  append_line(output_, {code, options_->fqdn, " Hello [", client_, "]"});
}

Event Server::proceed_helo(const Command& command) {
  queue_hello_line("250 ");
  return begin_hello(command, false);
}

Event Server::proceed_ehlo(const Command& command) {
  queue_extensions();
  return begin_hello(command, true);
}

// In Exchange's order. What is last takes a blank for its hyphen.
void Server::queue_extensions() {
  size_t last = output_.size();
  const auto line = [&](std::string_view keyword, std::string_view value = {}) {
    last = output_.size();
    append_line(output_, {"250-", keyword, value});
  };
  char digits[20];
  const auto decimal = [&](uint64_t number) {
    return std::string_view(digits, put_decimal(digits, number));
  };
  queue_hello_line("250-");
  const bool with_value = options_->size_value && options_->max_message_size != 0;
  if (options_->size && with_value) line("SIZE ", decimal(options_->max_message_size));
  if (options_->size && !with_value) line("SIZE");
  if (options_->pipelining) line("PIPELINING");
  if (options_->dsn) line("DSN");
  if (options_->enhanced_status_codes) line("ENHANCEDSTATUSCODES");
  if (options_->starttls && !tls_) line(kStartTls);
  if (offers_auth()) line("AUTH ", kAuthMechanisms);
  if (options_->eight_bit_mime) line("8BITMIME");
  if (options_->eight_bit_mime && options_->binary_mime && options_->chunking) line("BINARYMIME");
  if (options_->chunking) line("CHUNKING");
  if (options_->smtp_utf8) line("SMTPUTF8");
  if (options_->limits) line("LIMITS RCPTMAX=", decimal(options_->max_recipients));
  if (options_->require_tls && tls_) line("REQUIRETLS");
  if (options_->exch50) line(kExch50);
  if (takes_xclient_) line(kXclientOffer);
  output_[last + 3] = ' ';
}

// What Exchange 2000 to 2007 put beside a message: properties that mean nothing here. Clients with
// ms-Exch-SMTP-Accept-Exch50 may send it, and it is read and dropped.
Event Server::run_exch50(std::string_view arguments) {
  if (!options_->exch50) return refuse(replies::kNotAllowed, kExch50);
  if (state_ == State::kNew) return refuse(replies::kSendHello, kExch50);
  if (state_ == State::kReady) return refuse(replies::kNeedMail, kExch50);
  if (state_ == State::kMail) return refuse(replies::kNeedRecipient, kExch50);
  if (state_ == State::kChunks) return refuse(replies::kBadSequence, kExch50);
  uint32_t octets = 0;
  if (!parse_exch50(arguments, octets)) return refuse(replies::kBadArguments, kExch50);
  queue(replies::kSendBinary);
  return skip_over({.octets = octets,
                    .verb = kExch50,
                    .text = std::string(replies::kExch50Taken.text),
                    .reply = replies::kExch50Taken});
}

Event Server::proceed_mail(const Command& command) {
  return {.kind = Event::Kind::kMail,
          .path = command.path,
          .size = command.parameters.size,
          .body = command.parameters.body};
}

Event Server::proceed_rcpt(const Command& command) {
  return {.kind = Event::Kind::kRecipient, .path = command.path};
}

Event Server::proceed_data(const Command& /*command*/) { return {.kind = Event::Kind::kData}; }

Event Server::proceed_rset(const Command& /*command*/) {
  transaction_.clear();
  chunked_ = false;
  excused_ = 0;
  if (state_ != State::kNew) state_ = State::kReady;
  queue(replies::kResetting);
  return {.kind = Event::Kind::kReset};
}

Event Server::proceed_noop(const Command& /*command*/) {
  queue(replies::kNoop);
  return {};
}

Event Server::proceed_quit(const Command& /*command*/) {
  has_quit_ = input_.empty();
  return close_with(replies::kClosing);
}

Event Server::proceed_vrfy(const Command& /*command*/) {
  queue(replies::kCannotVerify);
  return {};
}

Event Server::proceed_help(const Command& /*command*/) {
  queue(replies::kHelp);
  return {};
}

}  // namespace relais::smtp
