// The server's side of one SMTP session, sans I/O: bytes in, events out, replies out (RFC 5321, 2920, 1870,
// 6152, 2034). Knows no socket, clock, file or policy: MAIL, RCPT, DATA and the end of data each come out as
// a question (`wants an answer`), and the caller says yes or no with a Reply.
//
//   server.feed(bytes);
//   for (;;) {
//     Event e = server.next();
//     if (e.kind == Event::Kind::kNeedInput) break;      // all fed bytes are used up
//     ... act; questions are answered with server.answer(verdict), now or in a later turn
//   }
//   send(server.output()); server.output_consumed(n);
//
// Rules kept here: only CRLF ends a line and only CRLF.CRLF ends data; data is never run as commands; replies
// are complete and in order; bytes behind a question are not looked at until it is answered.
// Limits: a command line of kLineMax octets (longer: one 500, discarded to its CRLF); recipients, message
// and header sizes and errors by ServerOptions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "smtp/data_scanner.h"
#include "smtp/header_scan.h"
#include "smtp/path.h"
#include "smtp/reply.h"
#include "smtp/transaction.h"

namespace relais::smtp {

inline constexpr uint32_t kLineMax = 2048;  // octets including CRLF

// What the connector allows; borrowed by the session, must outlive it.
struct ServerOptions {
  std::string fqdn = "localhost";   // in the EHLO reply and the default banner
  std::string banner;               // whole 220 line without CRLF; empty: the default one
  uint64_t max_message_size = 37'748'736;  // octets of content; 0: no limit
  uint32_t max_header_size = 262'144;      // octets of the header block
  uint32_t max_recipients = 200;           // a message; the rest get 452 4.5.3
  uint32_t max_hop_count = 60;             // Received fields
  uint32_t max_protocol_errors = 5;        // UINT32_MAX: unlimited; at one more: 421 and close
  bool pipelining = true;
  bool size = true;
  bool eight_bit_mime = true;
  bool enhanced_status_codes = true;
  bool require_ehlo_domain = false;
  bool reject_bare_line_ends = true;
};

struct Event {
  enum class Kind : uint8_t {
    kNeedInput,    // nothing left to do until more bytes are fed
    kMail,         // question: `path`, `size`
    kRecipient,    // question: `path`
    kData,         // question: may data begin? yes: 354 goes out
    kBody,         // `bytes` of content in wire form (dot-stuffed, CRLF), without the final dot line
    kDataEnd,      // question: content is complete and legal; Transaction is still there
    kDataRefused,  // content was illegal (reply already queued, in `reply`): drop what was stored
    kReset,        // RSET, HELO/EHLO inside a transaction: drop what was stored, if anything
    kRefused,      // the dialogue itself refused a command: `reply`, `bytes` = the verb (for the log)
    kHello,        // HELO/EHLO accepted: hello_name() is set (for the log; no answer wanted)
    kClose,        // send what is in output(), then close; nothing follows. `reply` says why
  };
  Kind kind = Kind::kNeedInput;
  Path path;                    // kMail, kRecipient: valid until answer()
  std::string_view bytes;       // kBody, kRefused: valid until the next call of next() or feed()
  uint64_t size = 0;            // kMail: SIZE=, 0 if not given
  Reply reply;                  // kDataRefused, kRefused, kClose
  [[nodiscard]] bool is_question() const {
    return kind == Kind::kMail || kind == Kind::kRecipient || kind == Kind::kData ||
           kind == Kind::kDataEnd;
  }
};

// `reply.positive()` accepts. For kData a positive answer always sends 354, whatever its text. `close`: after
// this reply the session ends (a 421).
struct Verdict {
  Reply reply;
  bool close = false;
};

class Server {
 public:
  // `client` is the peer's address as text, for the EHLO greeting; both are borrowed for the session.
  Server(const ServerOptions& options, std::string_view client);

  // Queues the 220. `now_text`: RFC 5322 date of the default banner.
  void greet(std::string_view now_text);
  // Queues one 421 or 554 instead of a greeting, or in the middle of a session (drain, time-out); after it
  // next() gives kClose. `reply` is formatted at once.
  void shut(const Reply& reply);

  // Lends input; it must stay valid until next() has returned kNeedInput or kClose. Only when all of the last
  // input has been used up (needs_input()).
  void feed(std::span<const char> bytes);
  [[nodiscard]] bool needs_input() const;
  // Not allowed while a question waits for its answer.
  [[nodiscard]] Event next();
  [[nodiscard]] bool awaits_answer() const;
  void answer(const Verdict& verdict);

  // Replies that wait to be sent, oldest first. The caller may also take the string by swap (output_buffer).
  [[nodiscard]] std::string_view output() const { return output_; }
  [[nodiscard]] std::string& output_buffer() { return output_; }
  void output_consumed(size_t octets);

  [[nodiscard]] const Transaction& transaction() const { return transaction_; }
  [[nodiscard]] std::string_view hello_name() const { return hello_; }  // empty: none given
  [[nodiscard]] bool is_esmtp() const { return esmtp_; }
  [[nodiscard]] uint32_t errors() const { return errors_; }
  [[nodiscard]] bool in_data() const;
  // At a command boundary outside a transaction: the moment for a polite 421.
  [[nodiscard]] bool idle() const;

  // Asserts what must hold between calls. Called by tests after each step.
  void invariants() const;

 private:
  // ... (the author of this room fills this in)
  const ServerOptions* options_;
  std::string_view client_;
  std::string output_;
  std::string hello_;
  Transaction transaction_;
  uint32_t errors_ = 0;
  bool esmtp_ = false;
};

}  // namespace relais::smtp
