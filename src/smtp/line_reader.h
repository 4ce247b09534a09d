// Cuts a stream into lines that end with CRLF and with nothing else: commands for the server,
// replies for the client. (The end of mail data is data_scanner.h.) A line is a view into the
// input; only one that was cut by the end of the input is copied, into a carry that never holds
// more than kLineMax. A longer line is reported once, as soon as it is certain, and thrown away to
// its CRLF.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace relais::smtp {

inline constexpr uint32_t kLineMax = 2048;  // octets including CRLF

class LineReader {
 public:
  enum class Got : uint8_t { kNothing, kLine, kTooLong };

  // Takes the next line from the front of `input`. kNothing: all of the input is used up. `line` is
  // without its CRLF and may hold any other octet, bare CR and LF included; valid until the next
  // call, as long as the input's memory is.
  [[nodiscard]] Got take(std::string_view& input, std::string_view& line);
  // Forgets what it has of a line.
  void reset();
  // No part of a line is held.
  [[nodiscard]] bool at_line_start() const { return !discarding_ && (carry_.empty() || returned_); }
  // Within a line that was too long: begun() does not say all that it knows.
  [[nodiscard]] bool discards() const { return discarding_; }
  // What it holds of a line that has not ended.
  [[nodiscard]] std::string_view begun() const {
    return returned_ ? std::string_view{} : std::string_view(carry_);
  }
  void invariants() const;

 private:
  Got take_whole(std::string_view& input, std::string_view& line);
  Got take_cut(std::string_view& input, std::string_view& line);
  void discard(std::string_view& input);

  std::string carry_;
  bool returned_ = false;    // carry_ is the line of the last call, not part of the next
  bool discarding_ = false;  // within a line that was too long
  bool discard_cr_ = false;  // its last octet was CR
};

}  // namespace relais::smtp
