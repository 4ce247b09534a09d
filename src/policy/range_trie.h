// From an address to the best of the ranges that contain it: a level- and path-compressed radix
// trie over elementary intervals. Internal to connector_table.
//
// Built in two steps. First all ranges are cut at their ends into segments, inside each of which
// one and the same range is best: `starts` (sorted) and `values`. n ranges give at most 2n+1
// segments, nested or not. Then a trie narrows an address down to a window of at most kWindow
// starts:
//
//   node   the starts of one slot of its parent. It begins at its own first start, so a common
//   prefix costs
//          nothing (path compression), and it has as many slots as it has starts / kStartsPerSlot,
//          each of the same power-of-two width (level compression): 1,000 starts make one level of
//          256 slots.
//   slot   the segment that is in force where the slot begins, or (top bit) a child node when more
//   than
//          kWindow starts fall into the slot.
//   window kWindow starts are compared at once, without a branch; how many are <= the address is
//   the answer.
//
// So that the common look-up is three dependent reads: slot, window, value (prefetched with the
// window). Uniformly spread ranges need one level; each further level consumes at least two bits of
// the address.
//
// Memory: 12 octets a segment for IPv4, 24 for IPv6, and about 1 to 2 for slots: 25 MB for a
// million separate IPv4 addresses, less than 1 KiB for ten. Clustered ranges may double the part of
// the slots. Limit: 2^31 segments. Immutable once built.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace relais::policy {

// One entry of one connector's remote_ranges.
struct RangeRef {
  uint32_t connector = UINT32_MAX;
  uint32_t range = UINT32_MAX;
  friend bool operator==(const RangeRef&, const RangeRef&) = default;
};

// Key: uint32_t for IPv4, unsigned __int128 for IPv6.
template <class Key>
class RangeTrie {
 public:
  struct Entry {
    Key first;
    Key last;
    uint64_t tie;  // of two ranges with the same number of addresses the lower tie wins
    RangeRef ref;
  };

  // `entries` in any order.
  explicit RangeTrie(std::vector<Entry> entries);

  // The range with the fewest addresses that contains the key; a default RangeRef when none does.
  [[nodiscard]] RangeRef find(Key key) const {
    const Node* node = nodes_.data();
    while (true) {
      const Key offset = key - node->low;  // wraps to something large below low
      if (offset > node->width) [[unlikely]] {
        return values_[key < node->low ? node->before : node->last];
      }
      const uint32_t slot = slots_[node->slots + static_cast<uint32_t>(offset >> node->shift)];
      if ((slot & kChild) == 0) [[likely]]
        return find_in_window(slot, key);
      node = &nodes_[slot & ~kChild];
    }
  }

  [[nodiscard]] size_t octets() const;

 private:
  static constexpr uint32_t kWindow = 8;
  static constexpr uint32_t kStartsPerSlot = 4;
  static constexpr uint32_t kChild = 1U << 31;

  struct Node {
    Key low;          // its first start
    Key width;        // its last start minus low
    uint32_t slots;   // its first slot
    uint32_t before;  // the segment in force below low
    uint32_t last;    // the segment that begins at its last start
    uint8_t shift;    // log2 of a slot's width
  };

  [[nodiscard]] RangeRef find_in_window(uint32_t segment, Key key) const {
    const RangeRef* const values = &values_[segment];
    __builtin_prefetch(values);
    __builtin_prefetch(values + kWindow);
    const Key* const starts = &starts_[segment + 1];
    uint32_t passed = 0;
    // Starts beyond the slot are greater than the key, so no count is needed: the trip is always
    // the same.
    for (uint32_t i = 0; i < kWindow; ++i) passed += starts[i] <= key ? 1 : 0;
    return values[passed];
  }

  void cut(std::vector<Entry> entries);
  void append(Key start, RangeRef value);
  uint32_t add_node(uint32_t before, uint32_t last);
  void fill_slots(uint32_t node);

  // Both end with kWindow copies of the last possible start and of the last value, so that a window
  // may run over the end and still answer right.
  std::vector<Key> starts_;
  std::vector<RangeRef> values_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> slots_;
};

extern template class RangeTrie<uint32_t>;
extern template class RangeTrie<unsigned __int128>;

}  // namespace relais::policy
