#include "smtp/from_field.h"

#include <algorithm>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

constexpr size_t kEncodedLineMax = 76;  // RFC 2047 2, without CRLF
// "=?UTF-8?B?" and "?=" are 12 octets, and base64 makes four of three: 74 octets with "From: " in
// front.
constexpr size_t kEncodedOctets = 42;

constexpr bool is_domain_octet(char c) { return is_alpha(c) || is_digit(c) || c == '-'; }

template <class Octet>
bool is_dotted(std::string_view text, Octet is_octet) {
  bool dot_before = true;
  for (const char c : text) {
    const bool dot = c == '.';
    if (dot ? dot_before : !is_octet(c)) return false;
    dot_before = dot;
  }
  return !dot_before;  // nor is it empty
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_folding(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_folding(text.back())) text.remove_suffix(1);
  return text;
}

void append_base64(std::string& out, std::string_view octets) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < octets.size(); i += 3) {
    const size_t have = std::min<size_t>(3, octets.size() - i);
    uint32_t bits = static_cast<uint32_t>(octet(octets[i])) << 16;
    if (have > 1) bits |= static_cast<uint32_t>(octet(octets[i + 1])) << 8;
    if (have > 2) bits |= octet(octets[i + 2]);
    out += kDigits[bits >> 18];
    out += kDigits[(bits >> 12) & 63];
    out += have > 1 ? kDigits[(bits >> 6) & 63] : '=';
    out += have > 2 ? kDigits[bits & 63] : '=';
  }
}

// A column at which a part of `size` octets no longer fits begins a new line; parts begin with
// their own blank.
class Line {
 public:
  explicit Line(std::string& out) : out_(out), start_(out.size()) {}
  void room_for(size_t size) {
    if (out_.size() - start_ + size <= kEncodedLineMax) return;
    out_ += "\r\n";
    start_ = out_.size();
  }

 private:
  std::string& out_;
  size_t start_;
};

constexpr bool needs_escape(char c) { return c == '"' || c == '\\'; }

// RFC 5322 3.2.4. A fold stands before a blank of the name and so changes nothing in it.
void append_quoted(std::string& out, Line& line, std::string_view name) {
  out += '"';
  while (!name.empty()) {
    size_t size = std::min(name.find_first_not_of(' '), name.size());
    size = std::min(name.find(' ', size), name.size());
    const std::string_view word = name.substr(0, size);
    const auto escapes = std::count_if(word.begin(), word.end(), needs_escape);
    if (word.front() == ' ') line.room_for(size + static_cast<size_t>(escapes) + 1);
    for (const char c : word) {
      if (needs_escape(c)) out += '\\';
      out += c;
    }
    name.remove_prefix(size);
  }
  out += '"';
}

// Characters are not divided (RFC 2047 5); blanks between encoded words are not shown.
void append_encoded(std::string& out, Line& line, std::string_view name) {
  constexpr std::string_view kBegin = " =?UTF-8?B?";
  bool first = true;
  while (!name.empty()) {
    size_t size = std::min(name.size(), kEncodedOctets);
    const auto is_inside = [&](size_t at) { return (octet(name[at]) & 0xc0) == 0x80; };
    while (size < name.size() && size > kEncodedOctets - 4 && is_inside(size)) --size;
    // The blank in front of the first is already there.
    const std::string_view begin = first ? kBegin.substr(1) : kBegin;
    if (!first) line.room_for(kBegin.size() + (size + 2) / 3 * 4 + 2);
    out += begin;
    append_base64(out, name.substr(0, size));
    out += "?=";
    name.remove_prefix(size);
    first = false;
  }
}

}  // namespace

std::string_view bare_from_address(std::string_view field) {
  if (field.starts_with('.') || field.find("\n.") != std::string_view::npos) return {};
  const size_t colon = field.find(':');
  if (colon == std::string_view::npos) return {};
  std::string_view address = trimmed(field.substr(colon + 1));
  if (address.starts_with('<') && address.ends_with('>'))
    address = trimmed(address.substr(1, address.size() - 2));
  const size_t at = address.find('@');
  if (at == std::string_view::npos) return {};
  const bool plain = is_dotted(address.substr(0, at), is_atext) &&
                     is_dotted(address.substr(at + 1), is_domain_octet);
  return plain ? address : std::string_view{};
}

bool append_from(std::string& out, std::string_view name, std::string_view address) {
  const auto is_control = [](char c) { return octet(c) < ' ' || c == 0x7f; };
  if (name.empty() || name.size() > kDisplayNameMax) return false;
  if (std::any_of(name.begin(), name.end(), is_control)) return false;
  Line line(out);
  out += "From: ";
  // What looks like an encoded word would be shown decoded, so it is encoded.
  if (is_ascii(name) && name.find("=?") == std::string_view::npos) {
    append_quoted(out, line, name);
  } else {
    append_encoded(out, line, name);
  }
  line.room_for(address.size() + 3);
  out += " <";
  out += address;
  out += ">\r\n";
  return true;
}

}  // namespace relais::smtp
