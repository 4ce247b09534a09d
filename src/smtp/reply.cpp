#include "smtp/reply.h"

#include <algorithm>

#include "base/assert.h"
#include "base/decimal.h"
#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

constexpr size_t kReplyLineMax = 512;  // with CRLF, RFC 5321 4.5.3.1.5

// Texts can come from a next hop or name a configured thing, so they are not trusted to be clean.
char printable(char c) {
  if (is_printable(c)) return c;
  return c == '\n' || c == '\t' ? ' ' : '?';
}

void end_line(std::string& out, size_t start) {
  std::transform(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
                 out.begin() + static_cast<std::ptrdiff_t>(start), printable);
  out += "\r\n";
}

}  // namespace

void append_line(std::string& out, std::string_view text) {
  const size_t start = out.size();
  out += text.substr(0, kReplyLineMax - 2);
  end_line(out, start);
}

void append_line(std::string& out, std::initializer_list<std::string_view> parts) {
  const size_t start = out.size();
  for (const std::string_view part : parts)
    out += part.substr(0, kReplyLineMax - 2 - (out.size() - start));
  end_line(out, start);
}

void append_reply(std::string& out, const Reply& reply, bool enhanced) {
  ASSERT(reply.code >= 200 && reply.code <= 599);
  const size_t start = out.size();
  append_decimal(out, reply.code);
  out += ' ';
  if (enhanced && reply.status.klass != 0) {
    append_decimal(out, reply.status.klass);
    out += '.';
    append_decimal(out, reply.status.subject);
    out += '.';
    append_decimal(out, reply.status.detail);
    out += ' ';
  }
  append_line(out, reply.text.substr(0, kReplyLineMax - 2 - (out.size() - start)));
}

}  // namespace relais::smtp
