// The characters of the language: blanks, comments, quotes, bare words. The part of the parser that
// knows PowerShell's rules of quoting, and that a text copied from a web page has curly quotes.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "shell/syntax.h"

namespace relais::shell {

template <class T>
using Parsed = std::expected<T, SyntaxError>;

[[nodiscard]] inline std::unexpected<SyntaxError> wrong(size_t at, std::string what) {
  return std::unexpected(SyntaxError{at, std::move(what), false});
}
[[nodiscard]] inline std::unexpected<SyntaxError> unfinished(size_t at, std::string what) {
  return std::unexpected(SyntaxError{at, std::move(what), true});
}

class Scanner {
 public:
  Scanner(std::string_view text, size_t from) : text_(text), at_(from) {}

  [[nodiscard]] size_t at() const { return at_; }
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  // 0 at the end.
  [[nodiscard]] char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip(size_t count = 1) { at_ += count; }
  bool take(char expected) {
    if (at_end() || text_[at_] != expected) return false;
    ++at_;
    return true;
  }

  // Blanks, comments, and a backtick before a line end.
  void skip_blanks();
  // Line ends too.
  void skip_space();
  [[nodiscard]] bool at_line_end() const { return peek() == '\n' || peek() == '\r'; }

  // A dash (also a typographic one) that is followed by a letter: the octets of the dash, or 0.
  [[nodiscard]] size_t parameter_dash() const;
  // '"' or '\'' when a quote stands here (also a typographic one), else 0.
  [[nodiscard]] char quote() const;

  // Letters, digits and underscores; may be empty.
  std::string identifier();
  // A bare word with the quoted parts in it; stands at no delimiter.
  [[nodiscard]] Parsed<std::string> word();
  // Stands at a quote.
  [[nodiscard]] Parsed<std::string> quoted();

 private:
  [[nodiscard]] size_t quote_length() const;
  [[nodiscard]] Parsed<std::string> double_quoted(size_t start);

  std::string_view text_;
  size_t at_;
};

[[nodiscard]] bool is_delimiter(char c);

}  // namespace relais::shell
