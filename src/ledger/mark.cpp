#include "ledger/mark.h"

#include <span>

#include "base/crc32c.h"
#include "ledger/words.h"

namespace relais::ledger {
namespace {

uint32_t crc_of(std::string_view bytes, uint32_t crc) {
  return crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())), crc);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// The field's name and colon, taken from the front. Names of fields know no case.
bool take_name(std::string_view& field) {
  if (field.size() <= kMarkField.size() || field[kMarkField.size()] != ':') return false;
  for (size_t i = 0; i < kMarkField.size(); ++i) {
    if (lower(field[i]) != lower(kMarkField[i])) return false;
  }
  field.remove_prefix(kMarkField.size() + 1);
  return true;
}

template <std::unsigned_integral T>
bool take_value(std::string_view& text, std::string_view name, T& value, int base = 10) {
  std::string_view word = take_word(text);
  if (!word.starts_with(name)) return false;
  word.remove_prefix(name.size());
  return parse_number(word, value, base);
}

}  // namespace

void append_mark(std::string& out, const Mark& mark) {
  out += kMarkField;
  out += ": run=";
  append_hex(out, mark.run, 16);
  out += " n=";
  append_decimal(out, mark.number);
  out += " octets=";
  append_decimal(out, mark.body.octets);
  out += " crc32c=";
  append_hex(out, mark.body.crc, 8);
  out += "\r\n";
}

std::optional<Mark> parse_mark(std::string_view field) {
  if (!take_name(field)) return {};
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  while (!field.empty() && std::string_view(" \r\n").find(field.back()) != std::string_view::npos)
    field.remove_suffix(1);
  Mark mark;
  const bool good = take_value(field, "run=", mark.run, 16) &&
                    take_value(field, "n=", mark.number) &&
                    take_value(field, "octets=", mark.body.octets) &&
                    take_value(field, "crc32c=", mark.body.crc, 16) && field.empty();
  if (!good) return {};
  return mark;
}

void BodySummer::add(std::string_view piece) {
  if (piece.empty()) return;
  sum_.crc = crc_of(piece, sum_.crc);
  sum_.octets += piece.size();
  const char before = piece.size() > 1 ? piece[piece.size() - 2] : last_;
  last_ = piece.back();
  ends_line_ = before == '\r' && last_ == '\n';
}

BodySum BodySummer::sum() const {
  if (ends_line_ || sum_.octets == 0) return sum_;
  return {sum_.octets + 2, crc_of("\r\n", sum_.crc)};
}

BodySum sum_of_body(std::string_view body) {
  BodySummer summer;
  summer.add(body);
  return summer.sum();
}

}  // namespace relais::ledger
