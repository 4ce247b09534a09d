// The client's side of one SMTP session, sans I/O: replies in, events out, commands out. Pipelines (RFC 2920)
// where the server offers it: MAIL, every RCPT and DATA of one transaction leave together, and the next
// transaction's group may leave right behind the content of the one before (two in flight, no more).
// Without PIPELINING it goes in lock-step. Content never passes through here: the caller sends it.
//
//   client.feed(bytes); Event e = client.next(); ...           as with Server
//   if (client.can_begin()) client.begin(transaction);
//   send(client.output()) ; client.output_consumed(n)          commands, in order
//   on kContentWanted: send the content and ".\r\n" BEFORE any later output, then call content_sent()
//
// What was begun ends with exactly one kFinished a transaction, or is lost with the connection (the caller asks
// in_flight() and treats those as not delivered).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace relais::smtp {

struct ClientOptions {
  std::string ehlo_name = "localhost";
};

// Borrowed until its kFinished or the end of the connection.
class ClientEnvelope {
 public:
  virtual ~ClientEnvelope() = default;
  [[nodiscard]] virtual std::string_view sender() const = 0;  // empty for <>
  [[nodiscard]] virtual uint32_t recipient_count() const = 0;
  [[nodiscard]] virtual std::string_view recipient(uint32_t index) const = 0;
  [[nodiscard]] virtual uint64_t size() const = 0;        // octets of content, for SIZE=; 0: unknown
  [[nodiscard]] virtual bool eight_bit() const = 0;       // BODY=8BITMIME was given by our client
};

struct Extensions {
  bool pipelining = false;
  bool size = false;
  bool eight_bit_mime = false;
  bool enhanced_status_codes = false;
  uint64_t size_max = 0;  // 0: not announced
};

// A reply as it came: views are valid until the next call of next() or feed().
struct PeerReply {
  uint16_t code = 0;
  std::string_view text;  // after the code, lines joined with '\n', at most 512 octets kept; printable
};

struct ClientEvent {
  enum class Kind : uint8_t {
    kNeedInput,
    kReady,             // greeting and EHLO (or HELO) done; extensions() is set
    kUnusable,          // greeting or hello refused, or nonsense: `reply`; close and try elsewhere
    kRecipientResult,   // `recipient` of the oldest transaction: `reply` to its RCPT (or to MAIL, if that failed)
    kContentWanted,     // send content now. If `empty`: no recipient was accepted, send only ".\r\n"
    kFinished,          // the oldest transaction is over: `reply` decides for all recipients that were accepted
    kClosing,           // 421 or our QUIT was answered: close; what is in flight is not delivered
  };
  Kind kind = Kind::kNeedInput;
  uint32_t recipient = 0;
  bool empty = false;
  PeerReply reply;
};

class Client {
 public:
  explicit Client(const ClientOptions& options);

  void feed(std::span<const char> bytes);
  [[nodiscard]] ClientEvent next();

  [[nodiscard]] bool can_begin() const;
  void begin(const ClientEnvelope& envelope);
  void content_sent();  // everything up to and including ".\r\n" has been queued behind earlier output
  void quit();          // queues QUIT once nothing is in flight

  [[nodiscard]] std::string_view output() const;
  [[nodiscard]] std::string& output_buffer();
  void output_consumed(size_t octets);

  [[nodiscard]] uint32_t in_flight() const;  // 0, 1 or 2
  [[nodiscard]] const Extensions& extensions() const;
  void invariants() const;

 private:
  // ... (the author of this room fills this in)
};

}  // namespace relais::smtp
