// From an address to the best of the ranges that contain it: a level- and path-compressed radix
// trie over blocks of elementary intervals. Internal to connector_table.
//
// First all ranges are cut at their ends into segments, inside each of which one and the same range
// is best; n ranges give at most 2n+1 segments, nested or not. The segments lie sorted in blocks of
// kBlock, each with its starts and its answers. Then a trie finds the block:
//
//   node    the first starts of some consecutive blocks. It begins at the lowest of them, so a
//           common prefix costs nothing (path compression), and it has as many slots as it has
//           blocks / kBlocksPerSlot, all of one power-of-two width (level compression).
//   slot    the block that is in force where the slot begins; or (top bit set) a child node, when
//           more than kWindow blocks begin within the slot.
//   window  kWindow first starts are compared at once, without a branch: how many are <= the
//           address?
//
// What is searched (slots, first starts) is small enough for the second-level cache even for a
// million ranges; the block is the only read that goes to memory, and it needs no branch either, so
// that look-ups overlap. Evenly spread ranges need one level; each further level consumes at least
// two bits of the address.
//
// Memory: 12 octets a segment for IPv4 and 24 for IPv6, and a sixteenth of that for the trie: 25 MB
// for a million separate IPv4 addresses, 1 KiB for ten. Limit: 2^31 blocks. Immutable once built.
#pragma once

#include <algorithm>
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
    const Block& block = blocks_[find_block(key)];
    __builtin_prefetch(&block.answers[0]);
    __builtin_prefetch(&block.answers[kBlock / 2]);
    uint32_t passed = 0;
    for (const Key start : block.starts) passed += start <= key ? 1 : 0;
    return block.answers[passed - 1];
  }

  [[nodiscard]] size_t octets() const;

 private:
  static constexpr uint32_t kBlock = 16;
  static constexpr uint32_t kWindow = 8;
  static constexpr uint32_t kBlocksPerSlot = 4;
  static constexpr uint32_t kChild = 1U << 31;

  // The last block ends with copies of the last possible start and of the last answer.
  struct alignas(64) Block {
    Key starts[kBlock];
    RangeRef answers[kBlock];
  };

  struct Node {
    Key low;          // the lowest first start
    Key width;        // the highest first start minus low
    uint32_t slots;   // its first slot
    uint32_t before;  // the block in force below low
    uint32_t last;    // the block that begins at the highest first start
    uint8_t shift;    // log2 of a slot's width
  };

  [[nodiscard]] uint32_t find_block(Key key) const {
    const Node* node = nodes_.data();
    while (true) {
      const Key offset = key - node->low;  // wraps to something large below low
      if (offset > node->width) [[unlikely]]
        return key < node->low ? node->before : node->last;
      const uint32_t slot = slots_[node->slots + static_cast<uint32_t>(offset >> node->shift)];
      if ((slot & kChild) == 0) [[likely]]
        return find_in_window(slot, key);
      node = &nodes_[slot & ~kChild];
    }
  }

  [[nodiscard]] uint32_t find_in_window(uint32_t block, Key key) const {
    const Key* const firsts = &firsts_[block + 1];
    uint32_t passed = 0;
    // Blocks that begin beyond the slot are greater than the key, so the trip is always the same.
    for (uint32_t i = 0; i < kWindow; ++i) passed += firsts[i] <= key ? 1 : 0;
    return std::min(block + passed, last_block_);  // the last address passes the padding too
  }

  void cut(std::vector<Entry> entries);
  void append(Key start, RangeRef answer);
  void close_last_block();
  uint32_t add_node(uint32_t before, uint32_t last);
  void fill_slots(uint32_t node);

  std::vector<Block> blocks_;
  std::vector<Key> firsts_;  // starts[0] of each block; then kWindow times the last possible start
  std::vector<Node> nodes_;
  std::vector<uint32_t> slots_;
  uint32_t last_block_ = 0;
  uint32_t in_last_block_ = kBlock;  // segments, while it is built
};

extern template class RangeTrie<uint32_t>;
extern template class RangeTrie<unsigned __int128>;

}  // namespace relais::policy
