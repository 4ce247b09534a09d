#include "sink/seen.h"

#include <utility>

namespace relais::sink {
namespace {

// splitmix64's finish.
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

Seen::Answer Seen::add(uint64_t run, uint64_t number, std::string_view recipient) {
  uint64_t hash = mix(mix(run) ^ number);
  for (const char c : recipient) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash = mix(hash);
  if (hash == 0) hash = 1;

  const std::scoped_lock lock(mutex_);
  uint64_t& place = place_of(hash);
  if (place == hash) return Answer::kBefore;
  if (size_ == entries_max_) return Answer::kFull;
  place = hash;
  if (++size_ > table_.size() / 4 * 3) grow();
  return Answer::kNew;
}

uint64_t& Seen::place_of(uint64_t hash) {
  const size_t mask = table_.size() - 1;
  size_t at = hash & mask;
  while (table_[at] != 0 && table_[at] != hash) at = (at + 1) & mask;
  return table_[at];
}

void Seen::grow() {
  const std::vector<uint64_t> old = std::exchange(table_, std::vector<uint64_t>(table_.size() * 2));
  for (const uint64_t hash : old) {
    if (hash != 0) place_of(hash) = hash;
  }
}

}  // namespace relais::sink
