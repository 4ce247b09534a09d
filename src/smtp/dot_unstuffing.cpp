#include "smtp/dot_unstuffing.h"

#include "base/assert.h"
#include "smtp/dotted_line.h"

namespace relais::smtp {

std::string_view DotUnstuffing::next(std::string_view wire, std::string& copy) {
  if (wire.empty()) return wire;
  const bool dotted = at_ == At::kLineStart && wire.front() == '.';
  const bool behind_cr = at_ == At::kCr;
  note_end(wire);
  if (dotted) wire.remove_prefix(1);
  size_t dot = next_dotted_line(wire, behind_cr);
  if (dot == wire.size()) return wire;
  copy.clear();
  while (dot < wire.size()) {
    copy.append(wire.substr(0, dot));
    wire.remove_prefix(dot + 1);
    dot = next_dotted_line(wire, false);
  }
  copy.append(wire);
  return copy;
}

void DotUnstuffing::note_end(std::string_view wire) {
  const bool cr_before = wire.size() > 1 ? wire[wire.size() - 2] == '\r' : at_ == At::kCr;
  const char last = wire.back();
  at_ = last == '\r' ? At::kCr : last == '\n' && cr_before ? At::kLineStart : At::kText;
}

}  // namespace relais::smtp
