#include "smtp/received.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/assert.h"
#include "smtp/ascii.h"
#include "smtp/path.h"

namespace relais::smtp {
namespace {

constexpr size_t kLineWanted = 78;  // RFC 5322 2.1.1, without CRLF

char harmless(char c) {
  constexpr std::string_view kDangerous = "()<>\",;\\";
  return is_printable(c) && c != ' ' && kDangerous.find(c) == std::string_view::npos ? c : '?';
}

// One header field, word by word: a word that would make the line too long begins a new one.
class Folder {
 public:
  explicit Folder(std::string& out) : out_(out), line_start_(out.size()) {}
  void word(std::initializer_list<std::string_view> parts) {
    size_t length = 0;
    for (const auto part : parts) length += part.size();
    const size_t column = out_.size() - line_start_;
    if (column != 0 && column + 1 + length > kLineWanted) {
      out_ += "\r\n";
      line_start_ = out_.size();
    }
    if (column != 0) out_ += ' ';
    for (const auto part : parts) out_ += part;
  }

 private:
  std::string& out_;
  size_t line_start_;
};

}  // namespace

std::string_view neutralised(std::string_view hello, std::span<char, kHelloShown> memory) {
  const std::string_view shown = hello.substr(0, kHelloShown);
  std::ranges::transform(shown, memory.begin(), harmless);
  return {memory.data(), shown.size()};
}

void append_received(std::string& out, const ReceivedInfo& info) {
  ASSERT(info.recipient.size() <= kAddressMax);
  ASSERT(std::ranges::all_of(
      info.recipient, [&](char c) { return is_printable(c) || (info.utf8 && is_eight_bit(c)); }));
  std::array<char, kHelloShown> memory;
  const std::string_view hello = neutralised(info.hello, memory);
  Folder field(out);
  if (hello.empty()) {
    field.word({"Received: from [", info.client_ip, "] (", info.client_ip, ")"});
  } else {
    field.word({"Received: from ", hello, " (", info.client_ip, ")"});
  }
  field.word({"by ", info.fqdn, " (", info.local_ip, ")"});
  const std::string_view semicolon = info.recipient.empty() ? ";" : "";
  const std::string_view protocol = info.utf8 ? "UTF8SMTP" : info.esmtp ? "ESMTP" : "SMTP";
  const std::string_view authenticated = info.authenticated ? "A" : "";  // RFC 3848
  if (info.tls.empty()) {
    field.word({"with ", protocol, authenticated, " id ", info.id, semicolon});
  } else {  // RFC 3848, RFC 6531 4.3
    field.word({"with ", protocol, info.esmtp ? "S" : "", authenticated, " (", info.tls, ")"});
    field.word({"id ", info.id, semicolon});
  }
  if (!info.recipient.empty()) field.word({"for <", info.recipient, ">;"});
  field.word({info.date});
  out += "\r\n";
}

}  // namespace relais::smtp
