#include <algorithm>
#include <cstring>

#include "simulation/sim_disk.h"

namespace relais::simulation {
namespace {
constexpr size_t kVersions = 8;
}

const SimFile::Sector* SimFile::current(uint64_t sector) const {
  if (const auto it = dirty_.find(sector); it != dirty_.end())
    return &it->second.versions.back().bytes;
  if (const auto it = durable_.find(sector); it != durable_.end()) return &it->second;
  return nullptr;
}

size_t SimFile::read(uint64_t offset, std::span<std::byte> out) const {
  if (offset >= size_) return 0;
  const auto octets = static_cast<size_t>(std::min<uint64_t>(out.size(), size_ - offset));
  for (size_t done = 0; done < octets;) {
    const uint64_t within = (offset + done) % kSector;
    const auto piece = static_cast<size_t>(std::min<uint64_t>(kSector - within, octets - done));
    const Sector* sector = current((offset + done) / kSector);
    if (sector != nullptr)
      std::memcpy(out.data() + done, sector->data() + within, piece);
    else
      std::memset(out.data() + done, 0, piece);
    done += piece;
  }
  return octets;
}

void SimFile::write(uint64_t offset, std::span<const std::byte> bytes) {
  ++writes_;
  size_ = std::max(size_, offset + bytes.size());
  for (size_t done = 0; done < bytes.size();) {
    const uint64_t number = (offset + done) / kSector;
    const uint64_t within = (offset + done) % kSector;
    const size_t piece = std::min<size_t>(kSector - within, bytes.size() - done);
    const Sector* before = current(number);
    Version version{writes_, before != nullptr ? *before : Sector{}};
    std::memcpy(version.bytes.data() + within, bytes.data() + done, piece);
    Dirty& dirty = dirty_[number];
    dirty.abandoned = false;
    // The oldest states are forgotten: memory, and a newer one may as well have reached the medium.
    if (dirty.versions.size() == kVersions) dirty.versions.pop_front();
    dirty.versions.push_back(version);
    done += piece;
  }
}

void SimFile::grow(uint64_t octets) {
  ++writes_;
  size_ = std::max(size_, octets);
}

void SimFile::flush(uint64_t mark, uint64_t offset, uint64_t length) {
  const uint64_t first = offset / kSector;
  const uint64_t end =
      length == UINT64_MAX ? UINT64_MAX : (offset + length + kSector - 1) / kSector;
  for (auto it = dirty_.lower_bound(first); it != dirty_.end() && it->first < end;) {
    Dirty& dirty = it->second;
    while (!dirty.abandoned && !dirty.versions.empty() && dirty.versions.front().write <= mark) {
      durable_[it->first] = dirty.versions.front().bytes;
      dirty.versions.pop_front();
    }
    it = dirty.versions.empty() ? dirty_.erase(it) : std::next(it);
  }
  durable_size_ = size_;
}

void SimFile::fail_flush(Prng& prng, uint64_t offset, uint64_t length) {
  const uint64_t first = offset / kSector;
  const uint64_t end =
      length == UINT64_MAX ? UINT64_MAX : (offset + length + kSector - 1) / kSector;
  for (auto it = dirty_.lower_bound(first); it != dirty_.end() && it->first < end; ++it) {
    Dirty& dirty = it->second;
    if (prng.one_in(2)) durable_[it->first] = dirty.versions.back().bytes;
    dirty.versions.erase(dirty.versions.begin(), dirty.versions.end() - 1);
    dirty.abandoned = true;
  }
}

void SimFile::crash(Prng& prng) {
  enum : uint64_t { kNothing, kEverything, kAnything, kModes };
  const uint64_t mode = prng.below(kModes);
  for (const auto& [number, dirty] : dirty_) {
    const uint64_t count = dirty.versions.size();
    const uint64_t kept = mode == kNothing      ? 0
                          : mode == kEverything ? count
                                                : prng.below(count + 1);
    if (kept > 0) durable_[number] = dirty.versions[kept - 1].bytes;
  }
  dirty_.clear();
  const bool grown = mode == kEverything || (mode == kAnything && prng.one_in(2));
  if (!grown) size_ = durable_size_;
  durable_size_ = size_;
  cut_tail();
}

// What lies behind the end must read as zeros when the file grows again.
void SimFile::cut_tail() {
  const uint64_t whole = size_ / kSector;
  durable_.erase(durable_.lower_bound(whole + (size_ % kSector != 0 ? 1 : 0)), durable_.end());
  if (const auto it = durable_.find(whole); it != durable_.end())
    std::fill(it->second.begin() + static_cast<ptrdiff_t>(size_ % kSector), it->second.end(),
              std::byte{0});
}

}  // namespace relais::simulation
