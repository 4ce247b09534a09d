#include "admin/screen_text.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace relais::admin {
namespace {

struct Character {
  std::string_view bytes;  // "?" instead of what is none
  size_t octets = 1;       // that it takes of the text
  size_t columns = 1;
};

struct CodeRange {
  uint32_t first, last;
};
constexpr CodeRange kCombining[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef}};
constexpr CodeRange kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
                               {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
                               {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                               {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                               {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <size_t kCount>
bool is_in(const CodeRange (&ranges)[kCount], uint32_t code) {
  return std::ranges::any_of(
      ranges, [code](CodeRange range) { return range.first <= code && code <= range.last; });
}

// Direction marks and their like are shown as '?': they would turn the line around.
bool moves_cursor(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200e && code <= 0x200f) ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
         code == 0x2028 || code == 0x2029;
}

// The first character of a text that is not empty (RFC 3629).
Character first_character(std::string_view text) {
  constexpr Character kNone{"?", 1, 1};
  const auto lead = static_cast<uint8_t>(text.front());
  const size_t octets = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (octets == 0 || lead > 0xf4 || text.size() < octets) return kNone;
  uint32_t code = octets == 1 ? lead : lead & (0x7fU >> octets);
  for (size_t i = 1; i < octets; ++i) {
    const auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80) return kNone;
    code = code << 6 | (next & 0x3f);
  }
  const bool overlong = (octets == 3 && code < 0x800) || (octets == 4 && code < 0x10000);
  if (overlong || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return kNone;
  if (moves_cursor(code)) return {"?", octets, 1};
  const size_t columns = is_in(kCombining, code) ? 0 : is_in(kWide, code) ? 2 : 1;
  return {text.substr(0, octets), octets, columns};
}

// As much as fits; `used` gets its columns, `whole` whether that is all.
std::string take_columns(std::string_view text, size_t width, size_t& used, bool& whole) {
  std::string out;
  used = 0;
  whole = true;
  while (!text.empty()) {
    const Character next = first_character(text);
    if (used + next.columns > width) {
      whole = false;
      break;
    }
    out += next.bytes;
    used += next.columns;
    text.remove_prefix(next.octets);
  }
  return out;
}

std::string cut_to(std::string_view text, size_t width, size_t& used) {
  bool whole = false;
  std::string out = take_columns(text, width, used, whole);
  if (whole || width == 0) return out;
  out = take_columns(text, width - 1, used, whole);
  ++used;
  return out += '~';
}

}  // namespace

size_t screen_width(std::string_view text) {
  size_t used = 0;
  bool whole = false;
  take_columns(text, SIZE_MAX, used, whole);
  return used;
}

std::string cut(std::string_view text, size_t width) {
  size_t used = 0;
  return cut_to(text, width, used);
}

std::string fit_left(std::string_view text, size_t width) {
  size_t used = 0;
  std::string out = cut_to(text, width, used);
  return out.append(width - used, ' ');
}

std::string fit_right(std::string_view text, size_t width) {
  size_t used = 0;
  const std::string out = cut_to(text, width, used);
  std::string padded(width - used, ' ');
  return padded += out;
}

}  // namespace relais::admin
