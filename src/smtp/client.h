// The client's side of one SMTP session, sans I/O: replies in, events out, commands out. Pipelines
// (RFC 2920) where the server offers it: MAIL, every RCPT and DATA of one transaction leave
// together, and the next transaction's group may leave right behind the content of the one before
// (two in flight, no more). Without PIPELINING it goes in lock-step. Content never passes through
// here: the caller sends it. Nothing that the server says can fail an ASSERT; nonsense ends in
// kUnusable.
//
// Before kReady it says STARTTLS (RFC 3207) and logs on (AUTH PLAIN or LOGIN, RFC 4954), as the
// options want it. TLS itself is the caller's: on kStartTls it shakes hands, then tls_started(),
// and from there on feeds plaintext. What a server said before TLS counts no more; what it says
// before it may makes it unusable (CVE-2011-0411, seen from this side). A password is in nothing
// but the output.
//
//   client.feed(bytes); Event e = client.next(); ...           as with Server
//   if (client.can_begin()) client.begin(transaction);
//   send(client.output()) ; client.output_consumed(n)          commands, in order
//   on kContentWanted: send the content and ".\r\n" BEFORE any later output, or chunks of it with
//   begin_chunk() in front of each where in_chunks(); then call content_sent()
//
// What was begun ends with exactly one kFinished a transaction, or is lost with the connection (the
// caller asks in_flight() and treats those as not delivered).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "smtp/dsn.h"
#include "smtp/hop_commands.h"
#include "smtp/line_reader.h"
#include "smtp/opening.h"
#include "smtp/peer_reply.h"

namespace relais::smtp {

// Borrowed until its kFinished or the end of the connection.
class ClientEnvelope {
 public:
  virtual ~ClientEnvelope() = default;
  [[nodiscard]] virtual std::string_view sender() const = 0;  // empty for <>
  [[nodiscard]] virtual uint32_t recipient_count() const = 0;
  [[nodiscard]] virtual std::string_view recipient(uint32_t index) const = 0;
  [[nodiscard]] virtual uint64_t size() const = 0;   // octets of content, for SIZE=; 0: unknown
  [[nodiscard]] virtual bool eight_bit() const = 0;  // BODY=8BITMIME was given by our client
  [[nodiscard]] virtual bool binary() const { return false; }  // BODY=BINARYMIME
  [[nodiscard]] virtual bool utf8() const { return false; }    // SMTPUTF8
  // Known: nothing that these two declare is in content or envelope. Asked only of who has
  // declared.
  [[nodiscard]] virtual bool plain() const { return false; }
  [[nodiscard]] virtual bool require_tls() const { return false; }  // REQUIRETLS
  [[nodiscard]] virtual DsnReturn ret() const { return DsnReturn::kUnspecified; }
  [[nodiscard]] virtual std::string_view envid() const { return {}; }
  [[nodiscard]] virtual RecipientDsn dsn(uint32_t /*index*/) const { return {}; }
};

struct ClientEvent {
  enum class Kind : uint8_t {
    kNeedInput,
    kStartTls,  // once: the server has said that TLS begins
    kReady,     // greeting, EHLO (or HELO), TLS and AUTH done; extensions() is set
    kUnusable,  // greeting or hello refused (421 too), what `stage` says, or nonsense: `reply`,
                // code 0 when there was none to read; close and try elsewhere
    kRecipientResult,  // `recipient` of the oldest transaction: `reply` to its RCPT (or to MAIL, if
                       // that failed); one for each recipient, in order
    kContentWanted,    // send content now. If `empty`: no recipient was accepted, send only ".\r\n"
    kFinished,  // the oldest transaction is over: `reply` decides for all recipients that were
                // accepted
    kClosing,   // 421 or our QUIT was answered: close; what is in flight is not delivered
  };
  using Stage = OpeningStage;
  Kind kind = Kind::kNeedInput;
  uint32_t recipient = 0;
  bool empty = false;
  bool ours = false;  // kRecipientResult: nothing was said; the server cannot take the message
  PeerReply reply{};
  Stage stage = Stage::kSession;
};

class Client {
 public:
  explicit Client(const ClientOptions& options);
  Client(const Client&) = delete;  // it holds views into itself
  Client& operator=(const Client&) = delete;

  // Lends input until next() has returned kNeedInput; only when the last input is used up.
  void feed(std::span<const char> bytes);
  // After kUnusable or kClosing it answers the same again.
  [[nodiscard]] ClientEvent next();
  // Behind kStartTls: the handshake is done.
  void tls_started();

  [[nodiscard]] bool can_begin() const;
  void begin(const ClientEnvelope& envelope);
  // The oldest transaction's content goes out with BDAT, as it came in before dot-stuffing; false:
  // with DATA. From kContentWanted on.
  [[nodiscard]] bool in_chunks() const { return in_flight_ > 0 && flights_[0].chunked; }
  // The command in front of so many octets of raw content.
  [[nodiscard]] std::string begin_chunk(uint64_t octets, bool last);
  // All content has been queued behind earlier output: up to and including ".\r\n", or the last
  // chunk.
  void content_sent();
  void quit();  // queues QUIT once nothing is in flight

  [[nodiscard]] std::string_view output() const;
  [[nodiscard]] std::string& output_buffer();
  void output_consumed(size_t octets);

  [[nodiscard]] uint32_t in_flight() const;  // 0, 1 or 2
  [[nodiscard]] const Extensions& extensions() const;
  void invariants() const;

 private:
  // The reply that a transaction, or the session around it, waits for. Replies come in the order of
  // the commands, and a transaction's commands have one order, so this and a count say what a FIFO
  // would.
  enum class Await : uint8_t {
    kGreeting,
    kEhlo,
    kHelo,
    kOpening,  // session: TLS and AUTH
    kNothing,  // session: what comes belongs to the oldest transaction
    kReset,    // transaction: of the RSET in front of it
    kMail,
    kRecipient,
    kData,
    kCaller,  // no reply: content_sent() is due
    kContent,
    kQuit,
  };
  struct Flight {
    const ClientEnvelope* envelope = nullptr;
    Await await = Await::kMail;
    bool mail_refused = false;
    bool chunked = false;
    bool content_due = false;         // kContentWanted comes next
    bool chunk_refused = false;       // `refusal_` says why
    uint32_t chunks = 0;              // sent, and not answered yet
    std::string_view refused_here{};  // why it is not sent at all, as a reply without its code
    bool given_up =
        false;  // lock-step: nothing more is sent; the rest of the results are `refusal_`
    uint32_t recipient = 0;  // the next to get a result
    uint32_t accepted = 0;
  };
  using Kind = ClientEvent::Kind;
  using Stage = ClientEvent::Stage;

  // client.cpp: what we say
  void say(std::string_view a, std::string_view b = {}, std::string_view c = {});
  void say_mail(const ClientEnvelope& envelope);
  void say_recipient(const ClientEnvelope& envelope, uint32_t index);
  void step();  // lock-step: the command whose reply the oldest transaction waits for
  void quit_if_due();

  // client_security.cpp: TLS, XCLIENT and AUTH, between hello and kReady
  void say_hello();
  ClientEvent go_on(const Opening::Step& step);
  ClientEvent ready(const PeerReply& reply);

  // client_replies.cpp: what it answered
  ClientEvent on_reply(const PeerReply& reply);
  ClientEvent on_greeting(const PeerReply& reply);
  ClientEvent on_hello(const PeerReply& reply);
  ClientEvent on_transaction_reply(const PeerReply& reply);
  ClientEvent on_mail(const PeerReply& reply);
  ClientEvent on_recipient(const PeerReply& reply);
  ClientEvent on_data(const PeerReply& reply);
  ClientEvent on_chunk(const PeerReply& reply);
  ClientEvent want_content();
  ClientEvent next_given_up();
  ClientEvent finish(const PeerReply& reply);
  ClientEvent stop(Kind kind, const PeerReply& reply, Stage stage = Stage::kSession);
  ClientEvent unasked(const PeerReply& reply);
  void keep_refusal(const PeerReply& reply);
  [[nodiscard]] PeerReply refusal() const { return {refusal_code_, refusal_text_}; }

  std::string ehlo_name_;
  bool chunking_;

  std::string_view input_;
  LineReader lines_;
  PeerReplyReader reader_;
  std::string output_;
  Extensions extensions_;
  Flight flights_[2];  // oldest first
  uint32_t in_flight_ = 0;
  Opening opening_;
  Await session_ = Await::kGreeting;
  Kind over_ = Kind::kNeedInput;  // kUnusable or kClosing: nothing follows
  bool quit_wanted_ = false;
  bool reset_due_ =
      false;  // the server may still hold a transaction that did not get to its content
  uint16_t refusal_code_ = 0;  // of the oldest transaction's MAIL, or whatever made us give it up
  std::string refusal_text_;
  PeerReply last_;  // with `over_`
  Stage last_stage_ = Stage::kSession;
};

}  // namespace relais::smtp
