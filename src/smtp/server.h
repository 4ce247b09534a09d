// The server's side of one SMTP session, sans I/O: bytes in, events out, replies out (RFC 5321,
// 2920, 1870, 6152, 2034, 3030, 3461, 4954, 6531, 8689, 9422; XCLIENT). Knows no socket, clock,
// file or policy: MAIL, RCPT, DATA and the end of data each come out as a question
// (`is_question()`), and the caller says yes or no with a Reply.
//
//   server.feed(bytes);
//   for (;;) {
//     Event e = server.next();
//     if (e.kind == Event::Kind::kNeedInput) break;      // all fed bytes are used up
//     ... act; questions are answered with server.answer(verdict), now or in a later turn
//   }
//   send(server.output()); server.output_consumed(n);
//
// Rules kept here: only CRLF ends a line and only CRLF.CRLF ends the content of DATA; content is
// never run as commands; replies are complete and in order; bytes behind a question are not looked
// at until it is answered. Limits: a command line of kLineMax octets (longer: one 500, discarded to
// its CRLF); recipients, message and header sizes and errors by ServerOptions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/auth_exchange.h"
#include "smtp/command_line.h"
#include "smtp/data_scanner.h"
#include "smtp/from_domains.h"
#include "smtp/header_filter.h"
#include "smtp/line_end_repair.h"
#include "smtp/line_reader.h"
#include "smtp/parameters.h"
#include "smtp/path.h"
#include "smtp/reply.h"
#include "smtp/transaction.h"

namespace relais::smtp {

// What the connector allows; borrowed by the session, must outlive it.
struct ServerOptions {
  std::string fqdn = "localhost";          // in the EHLO reply and the default banner
  std::string banner;                      // whole 220 line without CRLF; empty: the default one
  uint64_t max_message_size = 37'748'736;  // octets of content; 0: no limit
  uint32_t max_header_size = 262'144;      // octets of the header block
  uint32_t max_recipients = 200;           // a message; the rest get 452 4.5.3
  uint32_t max_hop_count = 60;             // Received fields
  uint32_t max_local_hop_count = 0;        // of those, by one of header.own_names; 0: no limit
  uint32_t max_protocol_errors = 5;        // UINT32_MAX: unlimited; at one more: 421 and close
  bool pipelining = true;
  bool size = true;
  bool size_value = true;          // false: the keyword SIZE alone
  bool limit_message_size = true;  // false: max_message_size is only told
  bool auth_parameter = false;     // AUTH= of MAIL is taken
  bool exch50 = false;             // XEXCH50 is offered; what it carries is thrown away
  bool dsn = true;
  bool eight_bit_mime = true;
  bool binary_mime = true;  // only with chunking
  bool chunking = true;
  bool smtp_utf8 = true;
  bool limits = true;               // the keyword LIMITS (RFC 9422)
  bool require_tls = false;         // REQUIRETLS, once TLS is there
  bool starttls = false;            // offered, until TLS is there
  bool auth = false;                // PLAIN and LOGIN, until somebody has authenticated
  bool auth_needs_tls = true;       // offered in TLS only
  uint32_t max_logon_failures = 3;  // at so many: 421 and close; 0: never
  bool enhanced_status_codes = true;
  bool require_ehlo_domain = false;
  bool reject_bare_line_ends = true;  // false: bare CR and LF become CRLF. NUL is always refused
  bool take_raw_content = false;      // they and NUL pass as they are: for who sends nothing on
  HeaderRules header;                 // which fields pass, and what becomes of From
};

struct Event {
  enum class Kind : uint8_t {
    kNeedInput,  // nothing left to do until more bytes are fed
    kCommand,  // question, where the caller wants it: a command line has come (`bytes`, empty when
               // it was too long; may hold a password), may it run? Yes sends nothing, no ends
               // the session (what follows the line may be content)
    kMail,     // question: `path`, `size`
    kRecipient,  // question: `path`
    kData,       // question: may data begin? yes to DATA: 354 goes out
    kBody,       // `bytes` of content in wire form (dot-stuffed, CRLF), without the final dot line
                 // and what the header rules remove. Of BODY=BINARYMIME dot-stuffed and no more
    kDataEnd,    // question: content is complete and legal; Transaction is still there
    kDataRefused,  // content was illegal (reply already queued, in `reply`): drop what was stored.
                   // `bytes` = the verb it came with, `refused` = what it was content of
    kReset,        // RSET, HELO/EHLO inside a transaction: drop what was stored, if anything
    kRefused,   // the dialogue itself refused a command: `reply`, `bytes` = the verb (for the log;
                // printable, empty when it was not), `path` of MAIL or RCPT if it was read
    kAnswered,  // a command was answered that asks nobody (NOOP, VRFY ...)
    kStartTls,  // question: may TLS begin? Yes (the 220 is queued): send what is in output(), then
                // give all later bytes to TLS, and say tls_started() when its handshake is done
    kAuth,  // question: are credentials() right? Yes: the session is somebody's. Empty ones cannot
            // be. A 535 is a failed logon, and max_logon_failures counts it
    kXclient,  // question: may this be the session of the client that `bytes` names
               // (parse_xclient)? Yes: begin_again() and greet() in place of an answer
    kHello,    // HELO/EHLO accepted: hello_name() is set (for the log; no answer wanted)
    kClose,    // send what is in output(), then close; nothing follows. `reply` says why
  };
  Kind kind = Kind::kNeedInput;
  Path path{};               // kMail, kRecipient: valid until answer(); kRefused: as `bytes`
  std::string_view bytes{};  // kBody, kRefused, kCommand, kXclient: valid until next() or feed()
  const Transaction* refused = nullptr;  // kDataRefused: valid until next()
  uint64_t size = 0;                     // kMail: SIZE=, 0 if not given
  BodyType body{};                       // kMail: BODY=
  Reply reply{};  // kDataRefused, kRefused, kClose: text valid as long as the Server
  [[nodiscard]] bool is_question() const {
    return kind == Kind::kCommand || kind == Kind::kStartTls || kind == Kind::kAuth ||
           kind == Kind::kXclient || kind == Kind::kMail || kind == Kind::kRecipient ||
           kind == Kind::kData || kind == Kind::kDataEnd;
  }
};

// What a session has come to between two commands, outside a transaction and an AUTH: enough for
// another Server to go on with it.
struct Standing {
  std::string hello;
  std::string unread;       // octets that were fed and are in no command yet
  bool said_hello = false;  // `hello` may be empty all the same
  bool esmtp = false;
  bool tls = false;
  bool authenticated = false;
  bool secret_expected = false;
  bool takes_xclient = false;
  uint8_t logon_failures = 0;
  uint32_t errors = 0;
  uint32_t excused = 0;
};

// `reply.positive()` accepts. For kData a positive answer always sends 354, whatever its text.
// `close`: after this reply the session ends (a 421).
struct Verdict {
  Reply reply;
  bool close = false;
};

class Server {
 public:
  // `client` is the peer's address as text, for the EHLO greeting; both are borrowed for the
  // session.
  Server(const ServerOptions& options, std::string_view client);
  Server(const Server&) = delete;  // it holds views into itself
  Server& operator=(const Server&) = delete;

  // Queues the 220. `now_text`: RFC 5322 date of the default banner.
  void greet(std::string_view now_text);
  // XCLIENT is offered, and taken once; else it is no command. A proxy may pass on what its client
  // says behind it, so the second one would be the client's.
  void trust_with_xclient() { takes_xclient_ = true; }
  // At kXclient: from here on it is the session of `client`, borrowed as before, who has said
  // nothing yet, and has authenticated elsewhere or not. greet() is the answer. TLS stays.
  void begin_again(std::string_view client, bool authenticated);
  // Queues one 421 or 554 instead of a greeting, or in the middle of a session (drain, time-out);
  // after it next() gives kClose. `reply` is formatted at once.
  void shut(const Reply& reply);

  // ... was called, or the session has ended by itself: kClose comes.
  [[nodiscard]] bool is_shut() const { return state_ == State::kClosed; }
  // At kClose: by QUIT, and no octet came behind it.
  [[nodiscard]] bool has_quit() const { return has_quit_; }

  // Lends input; it must stay valid until next() has returned kNeedInput or kClose. Only when all
  // of the last input has been used up (needs_input()). Behind kClose it is ignored.
  void feed(std::span<const char> bytes);
  // TLS is there, behind STARTTLS or from the first octet on; before greet() then. Whatever the
  // client said before is forgotten (RFC 3207 section 4.2).
  void tls_started();
  [[nodiscard]] bool in_tls() const { return tls_; }
  // Other options from now on, for a client of whom more is known; outside a transaction. Borrowed
  // as the first ones are.
  void use(const ServerOptions& options);
  // At kAuth, until it is answered; the caller may move them away.
  [[nodiscard]] Credentials& credentials();
  // At kAuth: why they are nobody's, in words of ours alone; empty: they may be somebody's.
  [[nodiscard]] std::string_view credentials_flaw() const;
  // Somebody has; and not been forgotten since, by STARTTLS.
  [[nodiscard]] bool is_authenticated() const { return authenticated_; }
  // The next line is part of an AUTH: a secret, no command.
  [[nodiscard]] bool in_auth() const { return state_ == State::kAuth; }
  [[nodiscard]] bool needs_input() const;
  // Not allowed while a question waits for its answer. After kClose it answers kClose again.
  [[nodiscard]] Event next();
  [[nodiscard]] bool awaits_answer() const;
  // Of the MAIL that waits for its answer; it is in the transaction only once it is accepted.
  // nullopt: none waits.
  [[nodiscard]] std::optional<std::string_view> asked_sender() const {
    if (question_ != Event::Kind::kMail) return std::nullopt;
    return command_.path.address;
  }
  // Of the MAIL or RCPT that waits for its answer.
  [[nodiscard]] const Path& asked_path() const { return command_.path; }
  [[nodiscard]] const MailParameters& asked_parameters() const { return command_.parameters; }
  [[nodiscard]] const RecipientDsn& asked_dsn() const { return command_.dsn; }
  void answer(const Verdict& verdict);
  // From the next command on kCommand is asked, or not.
  void ask_before_commands(bool ask) { asks_ = ask; }

  // Replies that wait to be sent, oldest first. The caller may also take the string by swap
  // (output_buffer).
  [[nodiscard]] std::string_view output() const { return output_; }
  [[nodiscard]] std::string& output_buffer() { return output_; }
  void output_consumed(size_t octets);

  [[nodiscard]] const Transaction& transaction() const { return transaction_; }
  // At kDataEnd, with header.watch_from: from_domains() of the content.
  [[nodiscard]] std::optional<std::vector<std::string>> header_from() const {
    return from_domains(header_.from_values());
  }
  [[nodiscard]] std::string_view hello_name() const { return hello_; }  // empty: none given
  [[nodiscard]] bool is_esmtp() const { return esmtp_; }
  [[nodiscard]] uint32_t errors() const { return errors_; }

  [[nodiscard]] bool in_data() const;
  // How the content comes, from kData on.
  [[nodiscard]] std::string_view content_verb() const { return chunked_ ? "BDAT" : "DATA"; }
  // kDataEnd waits for its answer.
  [[nodiscard]] bool at_data_end() const { return question_ == Event::Kind::kDataEnd; }
  // Octets of the last content so far, as RFC 1870 counts; until the next one begins.
  [[nodiscard]] uint64_t content_size() const { return message_size_; }
  // False: no kBody of this content so far had a dot that stuffing has put in front of a line.
  // (Where line ends are repaired that is not known.)
  [[nodiscard]] bool has_stuffed_dots() const { return has_stuffed_dots_ || repairs(); }
  // At kDataEnd: no octet of it is above 127.
  [[nodiscard]] bool is_seven_bit() const { return !scanner_.eight_bit(); }
  // At a command boundary outside a transaction: the moment for a polite 421.
  [[nodiscard]] bool idle() const;
  // ... or with octets of later commands in hand: standing() says all that there is to know. What
  // is in output() is not part of it.
  [[nodiscard]] bool stands() const;
  [[nodiscard]] Standing standing() const;
  // In a new Server in place of greet(): goes on there. `unread` is the caller's to feed first.
  void resume(const Standing& standing);

  // Asserts what must hold between calls. Called by tests after each step.
  void invariants() const;

 private:
  // RCPT and DATA that a client may well send behind one MAIL without waiting.
  static constexpr uint32_t kPipelinedGroup = 1000;

  enum class State : uint8_t {
    kNew,         // no hello yet
    kStartTls,    // behind the 220 to STARTTLS: nothing is read until tls_started()
    kAuth,        // between the lines of an AUTH; ends when kAuth is answered
    kReady,       // hello done, no transaction
    kMail,        // a sender, no recipient yet
    kRecipients,  // at least one recipient
    kData,        // 354 was sent; ends when kDataEnd is answered
    kChunk,       // in the octets of a BDAT; the last one ends when kDataEnd is answered
    kChunks,      // between two BDATs
    kClosed,
  };
  // The command in work: what its row's check() found out, for proceed() and for answer().
  struct Command {
    std::string_view arguments;
    Path path;
    MailParameters parameters;
    RecipientDsn dsn;
  };
  // Octets that go by unread, and what is said behind them: `refusal`, or `reply` with `text`.
  struct Skip {
    uint64_t octets = 0;
    std::string_view verb{};
    const Reply* refusal = nullptr;
    std::string text{};
    Reply reply{};
  };
  struct Verb;  // a row of the table in server_verbs.cpp
  static const Verb kVerbs[];
  static const Verb* find_verb(std::string_view name);

  // server.cpp
  void queue(const Reply& reply);
  Event refuse(const Reply& reply, std::string_view verb);
  void excuse_followers_of(Event::Kind refused);
  bool is_excused(const Reply& reply);
  Event close_with(const Reply& reply);
  Event closed() const;
  void stop_at(const Reply& reply);
  Event next_command();
  Event run_line();

  void apply(Event::Kind question, const Verdict& verdict);

  // server_verbs.cpp: check_ finds syntax errors and changes nothing but `command`; proceed_ acts.
  Event run(std::string_view line);
  const Reply* order_refusal(const Verb& verb) const;
  const Reply* check(const Verb& verb);
  const Reply* check_hello(Command& command) const;
  const Reply* check_mail(Command& command) const;
  const Reply* check_rcpt(Command& command) const;
  const Reply* check_data(Command& command) const;
  const Reply* check_auth(Command& command) const;
  const Reply* check_vrfy(Command& command) const;
  const Reply* check_nothing(Command& command) const;
  Event proceed_helo(const Command& command);
  Event proceed_ehlo(const Command& command);
  Event proceed_mail(const Command& command);
  Event proceed_rcpt(const Command& command);
  Event proceed_data(const Command& command);
  Event proceed_rset(const Command& command);
  Event proceed_noop(const Command& command);
  Event proceed_quit(const Command& command);
  Event proceed_vrfy(const Command& command);
  Event proceed_help(const Command& command);
  Event proceed_auth(const Command& command);
  Event begin_hello(const Command& command, bool esmtp);
  Event run_exch50(std::string_view arguments);
  Event run_starttls(std::string_view arguments);
  Event run_xclient(std::string_view arguments, bool clean);
  void queue_hello_line(std::string_view code);
  void queue_extensions();

  // server_auth.cpp
  bool offers_auth() const;
  Event go_on_with_auth(AuthExchange::Step step);
  Event run_auth_line();
  Event refuse_logon(const Reply& reply);
  bool is_last_failure(const Reply& reply);

  // server_chunks.cpp
  Event run_bdat(std::string_view arguments, bool clean);
  const Reply* chunk_refusal() const;
  void skip_first_chunk(const Reply& reply);
  bool skip_input();
  Event end_skip();
  Event skip_over(Skip skip);
  void scan_chunk();
  Event end_chunk();
  void end_last_chunk();

  // server_data.cpp
  void begin_data();
  Event next_in_data();
  void scan_input();
  DataScanner::Result scan_content(std::string_view wire);
  bool is_binary() const { return transaction_.body == BodyType::kBinaryMime; }
  bool repairs() const { return !options_->reject_bare_line_ends && !is_binary(); }
  bool take_content(std::string_view& piece);
  const Reply* content_refusal() const;
  bool over_size_limit(uint64_t octets) const;
  Event finish_data();
  Event refuse_content(const Reply& refusal);

  const ServerOptions* options_;
  std::string_view client_;
  std::string_view input_;  // what is left of the fed bytes
  LineReader lines_;
  std::string output_;
  std::string hello_;
  Transaction transaction_;
  std::unique_ptr<const Transaction> refused_;  // rarely there: Event::refused
  Command command_;
  State state_ = State::kNew;
  Event::Kind question_ = Event::Kind::kNeedInput;  // waits for its answer; kNeedInput: none
  bool hello_due_ = false;                          // kReset has gone out, kHello is next
  bool esmtp_ = false;
  bool tls_ = false;
  bool authenticated_ = false;
  uint8_t logon_failures_ = 0;
  bool secret_expected_ = false;  // an AUTH came to nothing: what comes may have been meant for it
  bool line_too_long_ = false;
  bool line_due_ = false;
  bool asks_ = false;
  bool takes_xclient_ = false;
  uint32_t errors_ = 0;
  std::string_view line_;  // that waits for leave, if line_due_

  std::unique_ptr<Skip> skip_;  // rarely there: of an XEXCH50, or of a BDAT that is not wanted
  std::unique_ptr<AuthExchange> auth_;  // in kAuth
  uint32_t excused_ = 0;                // sequence errors to come that an earlier refusal explains

  DataScanner scanner_;
  LineEndRepair repair_;
  HeaderFilter header_;
  std::string_view held_;  // content not yet passed on: what the scanner had held, then body_
  std::string_view body_;
  bool data_complete_ = false;  // the terminator was seen, or all of the last chunk
  bool chunked_ = false;        // it comes with BDAT
  bool has_stuffed_dots_ = false;
  bool has_quit_ = false;
  bool last_chunk_ = false;
  uint64_t chunk_left_ = 0;    // octets of the chunk in work
  uint64_t chunk_octets_ = 0;  // all of it
  uint64_t message_size_ = 0;  // octets of content without stuffing, as RFC 1870 counts

  Reply closing_;  // why, once kClosed; its text is closing_text_
  std::string closing_text_;
};

}  // namespace relais::smtp
