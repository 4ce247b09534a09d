// Cuts the content of a message, as it comes over the wire (dot-stuffed, CRLF, cut anywhere), into
// what a milter is told: header fields, the end of the header, and body.
//
//   content.feed(bytes); Piece p = content.next(); ... until kNothing; content.end(); the same
//
// A field's value keeps its folds, each as LF and the blanks behind it, as sendmail shows them. The
// header ends at the empty line or, as for sendmail, before the first line that is no field. Limit:
// of a field kFieldMax octets are kept, the rest is not shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace relais::milter {

class Content {
 public:
  static constexpr size_t kFieldMax = 65'000;

  struct Piece {
    enum class Kind : uint8_t { kNothing, kField, kEndOfHeader, kBody };
    Kind kind = Kind::kNothing;
    std::string_view name;   // kField
    std::string_view bytes;  // kField: the value, from behind the colon; kBody
  };

  void reset();
  // Lends the bytes until next() has given kNothing.
  void feed(std::string_view bytes) { input_ = bytes; }
  // No more is fed: what is held comes out of next().
  void end() { ended_ = true; }
  // Valid until the next call.
  [[nodiscard]] Piece next();
  [[nodiscard]] size_t held() const { return held_.size(); }

 private:
  enum class At : uint8_t {
    kLineStart,  // of the header
    kName,       // in the first line of a field
    kFold,       // in a later line of it
    kEmptyLine,  // behind the CR of the empty line
    kHeaderEnd,  // said next; `held_` is already body
    kBody,
  };
  Piece next_in_header();
  Piece next_in_body();
  Piece take_field();
  void begin_line();
  void end_first_line(std::string_view line_end);
  [[nodiscard]] bool take_line(size_t octets);

  std::string_view input_;
  std::string held_;   // the field so far, or a line that turned out to be body
  std::string given_;  // what next() gave of it
  At at_ = At::kLineStart;
  bool body_line_start_ = true;
  bool ended_ = false;
};

}  // namespace relais::milter
