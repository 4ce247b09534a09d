#include "spool/journal.h"

#include "spool/numbers.h"

namespace relais::spool {
namespace {

using Kind = JournalEntry::Kind;

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

bool take_dropped(std::string_view& bytes, DroppedSegments& dropped) {
  return take_number(bytes, dropped.first) && take_number(bytes, dropped.last) &&
         take_number(bytes, dropped.sequence);
}

bool take_entry(std::string_view& bytes, JournalEntry& entry) {
  uint8_t kind = 0;
  if (!take_number(bytes, kind)) return false;
  entry.kind = static_cast<Kind>(kind);
  switch (entry.kind) {
    case Kind::kGone:
      return take_number(bytes, entry.message);
    case Kind::kState:
      return take_number(bytes, entry.message) && take_state(bytes, entry.state);
    case Kind::kDropped:
      return take_dropped(bytes, entry.dropped);
  }
  return false;
}

}  // namespace

void append_entry(std::string& out, const JournalEntry& entry) {
  put(out, static_cast<uint8_t>(entry.kind));
  if (entry.kind == Kind::kDropped) {
    put(out, entry.dropped.first);
    put(out, entry.dropped.last);
    put(out, entry.dropped.sequence);
    return;
  }
  put(out, entry.message);
  if (entry.kind == Kind::kGone) return;
  put(out, entry.state.attempts);
  put(out, entry.state.next_attempt.ns);
  put(out, static_cast<uint32_t>(entry.state.settled.size()));
  for (const uint32_t index : entry.state.settled) put(out, index);
}

bool read_entries(std::string_view bytes, const std::function<void(JournalEntry&&)>& take) {
  while (!bytes.empty()) {
    JournalEntry entry;
    if (!take_entry(bytes, entry)) return false;
    take(std::move(entry));
  }
  return true;
}

}  // namespace relais::spool
