#include "spool/journal.h"

#include "spool/numbers.h"

namespace relais::spool {
namespace {

constexpr uint8_t kGone = 1;
constexpr uint8_t kState = 2;

bool take_state(std::string_view& bytes, MessageState& state) {
  uint32_t count = 0;
  if (!take_number(bytes, state.attempts) || !take_number(bytes, state.next_attempt.ns) ||
      !take_number(bytes, count) || bytes.size() / sizeof(uint32_t) < count) {
    return false;
  }
  state.settled.resize(count);
  for (uint32_t& index : state.settled) {
    if (!take_number(bytes, index)) return false;
  }
  return true;
}

}  // namespace

void append_entry(std::string& out, const JournalEntry& entry) {
  put(out, entry.gone ? kGone : kState);
  put(out, entry.message);
  if (entry.gone) return;
  put(out, entry.state.attempts);
  put(out, entry.state.next_attempt.ns);
  put(out, static_cast<uint32_t>(entry.state.settled.size()));
  for (const uint32_t index : entry.state.settled) put(out, index);
}

bool read_entries(std::string_view bytes, const std::function<void(JournalEntry&&)>& take) {
  while (!bytes.empty()) {
    uint8_t kind = 0;
    JournalEntry entry;
    if (!take_number(bytes, kind) || !take_number(bytes, entry.message)) return false;
    entry.gone = kind == kGone;
    if (kind != kGone && kind != kState) return false;
    if (kind == kState && !take_state(bytes, entry.state)) return false;
    take(std::move(entry));
  }
  return true;
}

}  // namespace relais::spool
