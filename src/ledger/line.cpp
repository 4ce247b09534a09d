#include "ledger/line.h"

#include <array>

#include "ledger/words.h"

namespace relais::ledger {
namespace {

constexpr std::array<std::string_view, 3> kFates = {"accepted", "refused", "unknown"};
constexpr std::string_view kNoMark = " - - - -";

// Everything but blanks, controls and our own escape; UTF-8 stays readable.
bool stands_for_itself(char c) { return static_cast<uint8_t>(c) > ' ' && c != '%' && c != 0x7f; }

void append_sum(std::string& out, const BodySum& sum) {
  out += ' ';
  append_decimal(out, sum.octets);
  out += ' ';
  append_hex(out, sum.crc, 8);
}

void begin(std::string& out, Fate fate, uint16_t code) {
  out += kFates[static_cast<size_t>(fate)];
  out += ' ';
  if (code == 0) {
    out += '-';
  } else {
    append_decimal(out, code);
  }
}

void append_mark_words(std::string& out, const Mark& mark) {
  out += ' ';
  append_hex(out, mark.run, 16);
  out += ' ';
  append_decimal(out, mark.number);
  append_sum(out, mark.body);
}

bool take_fate(std::string_view& text, Line& line) {
  const std::string_view word = take_word(text);
  for (size_t i = 0; i < kFates.size(); ++i) {
    if (word != kFates[i]) continue;
    line.fate = static_cast<Fate>(i);
    const std::string_view code = take_word(text);
    return code == "-" || (parse_number(code, line.code) && line.code >= 200 && line.code <= 599);
  }
  return false;
}

bool take_sum(std::string_view& text, BodySum& sum) {
  if (!parse_number(take_word(text), sum.octets)) return false;
  const std::string_view crc = take_word(text);
  return crc.size() == 8 && parse_number(crc, sum.crc, 16);
}

bool take_mark(std::string_view& text, Line& line) {
  if (text.starts_with(kNoMark.substr(1))) {
    text.remove_prefix(kNoMark.size() - 1);
    if (text.empty() || text.front() != ' ') return false;
    text.remove_prefix(1);
    return true;
  }
  Mark mark;
  const std::string_view run = take_word(text);
  if (run.size() != 16 || !parse_number(run, mark.run, 16)) return false;
  if (!parse_number(take_word(text), mark.number) || !take_sum(text, mark.body)) return false;
  line.mark = mark;
  return true;
}

}  // namespace

std::string_view first_line(Kind kind) {
  return kind == Kind::kSent ? "relais-ledger 1 sent\n" : "relais-ledger 1 received\n";
}

void begin_sent(std::string& out, Fate fate, uint16_t code, const Mark& mark) {
  begin(out, fate, code);
  append_mark_words(out, mark);
}

void begin_received(std::string& out, Fate fate, uint16_t code, const std::optional<Mark>& mark,
                    const BodySum& counted) {
  begin(out, fate, code);
  if (mark) {
    append_mark_words(out, *mark);
  } else {
    out += kNoMark;
  }
  append_sum(out, counted);
}

void append_recipient(std::string& out, std::string_view address) {
  out += ' ';
  for (const char c : address) {
    if (stands_for_itself(c)) {
      out += c;
    } else {
      out += '%';
      append_hex(out, static_cast<uint8_t>(c), 2);
    }
  }
}

void end_line(std::string& out) { out += '\n'; }

std::optional<Line> parse_line(Kind kind, std::string_view text) {
  Line line;
  if (!take_fate(text, line) || !take_mark(text, line)) return {};
  if (kind == Kind::kSent && !line.mark) return {};
  if (kind == Kind::kReceived && !take_sum(text, line.counted)) return {};
  line.recipients = text;
  bool after_blank = true;
  for (const char c : text) {
    const bool blank = c == ' ';
    if ((blank && after_blank) || (!blank && !stands_for_itself(c) && c != '%')) return {};
    after_blank = blank;
  }
  if (after_blank) return {};  // none, or one more to come
  return line;
}

std::string_view take_recipient(std::string_view& recipients) { return take_word(recipients); }

std::string plain_recipient(std::string_view written) {
  std::string plain;
  for (size_t i = 0; i < written.size(); ++i) {
    uint8_t octet = 0;
    if (written[i] == '%' && i + 2 < written.size() &&
        parse_number(written.substr(i + 1, 2), octet, 16)) {
      plain += static_cast<char>(octet);
      i += 2;
    } else {
      plain += written[i];
    }
  }
  return plain;
}

}  // namespace relais::ledger
