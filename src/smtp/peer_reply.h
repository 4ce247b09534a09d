// Reads replies of an SMTP server, line by line (RFC 5321 4.2): the client's grammar, without
// meaning. Strict where a wrong guess would take one reply for another; the text is kept for people
// only, so it is cut at kReplyTextMax and made printable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace relais::smtp {

inline constexpr uint32_t kReplyTextMax = 512;  // octets kept
inline constexpr uint32_t kReplyLinesMax =
    100'000;  // a reply; RFC 5321 names no limit, but an end must come

// A reply as it came: views are valid until the next call of next() or feed().
struct PeerReply {
  uint16_t code = 0;
  // After the code, lines joined with '\n', at most 512 octets kept; printable. An enhanced status
  // that each line has (RFC 2034 section 4) stands in front of the first alone.
  std::string_view text;
};

// For people: "550 5.1.1 User unknown", or the text alone where there is no code.
[[nodiscard]] std::string in_one_line(const PeerReply& reply);

// As a reply of our own: the enhanced status that stands in front of the text, if it fits the code;
// else x.0.0. Never a 421, which would be about our own connection. `text` is borrowed.
[[nodiscard]] Reply passed_on(uint16_t code, std::string_view text);

class PeerReplyReader {
 public:
  enum class Got : uint8_t {
    kMore,       // a line of a multi-line reply
    kReply,      // its last line
    kMalformed,  // not a reply; nothing can be trusted any more
  };
  // `line` without CRLF.
  [[nodiscard]] Got take(std::string_view line);
  // Behind kReply and until the next take().
  [[nodiscard]] PeerReply reply() const { return {code_, text_}; }
  // The text of the line just taken, and whether it is the first of its reply.
  [[nodiscard]] std::string_view line_text() const { return line_text_; }
  [[nodiscard]] bool is_first_line() const { return lines_ == 1; }
  // Between the first line of a reply and its last.
  [[nodiscard]] bool in_reply() const { return !complete_; }

 private:
  void keep(std::string_view text);

  std::string text_;
  size_t status_octets_ = 0;  // of text_: its enhanced status with the blank behind it
  std::string_view line_text_;
  uint32_t lines_ = 0;
  uint16_t code_ = 0;
  bool complete_ = true;
};

}  // namespace relais::smtp
