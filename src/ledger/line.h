// The lines of a ledger: what became of each message, on the side that sent it or on the side that
// received it. Text, one message and fate a line, so that `grep` and `wc` work on it.
//
//   relais-ledger 1 sent
//   accepted 250 5f0c2a9e11d3b847 17 10240 1a2b3c4d kate@fabrikam.com lee@fabrikam.com
//   refused  550 5f0c2a9e11d3b847 17 10240 1a2b3c4d nobody@fabrikam.com
//   unknown  -   5f0c2a9e11d3b847 18 512   00c0ffee kate@fabrikam.com
//
//   relais-ledger 1 received
//   accepted 250 5f0c2a9e11d3b847 17 10240 1a2b3c4d 10240 1a2b3c4d kate@fabrikam.com
//   accepted 250 - - - - 523 76543210 postmaster@fabrikam.com
//
// with one blank between words. Fate and code: what the server said to the message and these
// recipients (unknown: the connection was lost behind the content, before a reply). Then run,
// number, octets and checksum of the body as the mark says; in `received` also octets and checksum
// as counted, and four hyphens for the mark of a message that has none. Recipients have octets that
// a word cannot hold as %XX. A ledger may be written on after a restart: the first line comes
// again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/mark.h"

namespace relais::ledger {

enum class Kind : uint8_t { kSent, kReceived };
enum class Fate : uint8_t {
  kAccepted,
  kRefused,
  kUnknown,  // nobody can know whether it was kept (RFC 1047)
};

// The first line, with its line end.
[[nodiscard]] std::string_view first_line(Kind kind);

// One line is put together in three steps, without a list of recipients in between:
//   begin_sent(out, ...); append_recipient(out, ...) for each; end_line(out);
// `code`: of the reply; 0: none.
void begin_sent(std::string& out, Fate fate, uint16_t code, const Mark& mark);
void begin_received(std::string& out, Fate fate, uint16_t code, const std::optional<Mark>& mark,
                    const BodySum& counted);
void append_recipient(std::string& out, std::string_view address);
void end_line(std::string& out);

// A line taken apart; views into it.
struct Line {
  Fate fate{};
  uint16_t code = 0;
  std::optional<Mark> mark;     // always there in `sent`
  BodySum counted;              // in `received`
  std::string_view recipients;  // as written, at least one
};

// `text` without its line end. Nothing: it is damaged.
[[nodiscard]] std::optional<Line> parse_line(Kind kind, std::string_view text);
// The next one from the front of `recipients`, as written. Empty: there is none.
[[nodiscard]] std::string_view take_recipient(std::string_view& recipients);
// As it was given to append_recipient().
[[nodiscard]] std::string plain_recipient(std::string_view written);

}  // namespace relais::ledger
