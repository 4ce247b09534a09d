#include "shell/scanner.h"

#include <fmt/format.h>

namespace relais::shell {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The typographic quotes that PowerShell takes for plain ones; three octets of UTF-8 each.
constexpr std::string_view kDoubleQuotes[] = {"\u201c", "\u201d", "\u201e"};
constexpr std::string_view kSingleQuotes[] = {"\u2018", "\u2019", "\u201a", "\u201b"};
constexpr std::string_view kDashes[] = {"-", "\u2013", "\u2014", "\u2015"};

char quote_at(std::string_view rest) {
  if (rest.starts_with('"') || rest.starts_with('\'')) return rest.front();
  for (const auto quote : kDoubleQuotes) {
    if (rest.starts_with(quote)) return '"';
  }
  for (const auto quote : kSingleQuotes) {
    if (rest.starts_with(quote)) return '\'';
  }
  return '\0';
}

// What a backtick makes of the character behind it.
char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '0':
      return '\0';
    default:
      return c;
  }
}

}  // namespace

bool is_delimiter(char c) {
  return c == '\0' || std::string_view(" \t\r\n|;,(){}<>&").find(c) != std::string_view::npos;
}

void Scanner::skip_blanks() {
  while (!at_end()) {
    const char c = peek();
    if (c == ' ' || c == '\t') {
      skip();
    } else if (c == '`' && (peek(1) == '\n' || peek(1) == '\r')) {
      skip(peek(1) == '\r' && peek(2) == '\n' ? 3 : 2);
    } else if (c == '#') {
      while (!at_end() && !at_line_end()) skip();
    } else {
      return;
    }
  }
}

void Scanner::skip_space() {
  skip_blanks();
  while (at_line_end()) {
    skip();
    skip_blanks();
  }
}

size_t Scanner::parameter_dash() const {
  const std::string_view rest = text_.substr(at_);
  for (const auto dash : kDashes) {
    if (rest.starts_with(dash) && rest.size() > dash.size() && is_letter(rest[dash.size()])) {
      return dash.size();
    }
  }
  return 0;
}

char Scanner::quote() const { return at_end() ? '\0' : quote_at(text_.substr(at_)); }

size_t Scanner::quote_length() const { return peek() == '"' || peek() == '\'' ? 1 : 3; }

std::string Scanner::identifier() {
  const size_t begin = at_;
  while (is_letter(peek()) || is_digit(peek())) skip();
  return std::string(text_.substr(begin, at_ - begin));
}

Parsed<std::string> Scanner::word() {
  std::string word;
  while (!at_end() && !is_delimiter(peek())) {
    if (quote() != '\0') {
      auto part = quoted();
      if (!part) return part;
      word += *part;
    } else if (peek() == '`') {
      if (at_ + 1 >= text_.size()) return unfinished(at_, "a backtick stands at the end");
      if (peek(1) == '\n' || peek(1) == '\r') break;
      word += escaped(peek(1));
      skip(2);
    } else {
      word += peek();
      skip();
    }
  }
  return word;
}

Parsed<std::string> Scanner::quoted() {
  const size_t start = at_;
  const bool is_double = quote() == '"';
  skip(quote_length());
  if (is_double) return double_quoted(start);
  std::string text;
  while (!at_end()) {
    if (quote() == '\'') {
      skip(quote_length());
      if (quote() != '\'') return text;
      text += '\'';
      skip(quote_length());
    } else {
      text += peek();
      skip();
    }
  }
  return unfinished(start, "the quote is not closed");
}

Parsed<std::string> Scanner::double_quoted(size_t start) {
  std::string text;
  while (!at_end()) {
    if (quote() == '"') {
      skip(quote_length());
      if (quote() != '"') return text;
      text += '"';
      skip(quote_length());
    } else if (peek() == '`' && at_ + 1 < text_.size()) {
      text += escaped(peek(1));
      skip(2);
    } else if (peek() == '$' && (is_letter(peek(1)) || peek(1) == '{' || peek(1) == '(')) {
      return wrong(at_,
                   "there are no variables here: write '...' around a text with a $, or `$ for "
                   "the sign");
    } else {
      text += peek();
      skip();
    }
  }
  return unfinished(start, "the quote is not closed");
}

}  // namespace relais::shell
