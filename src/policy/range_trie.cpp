#include "policy/range_trie.h"

#include <algorithm>
#include <bit>
#include <queue>
#include <utility>

#include "base/assert.h"

namespace relais::policy {
namespace {

template <class Key>
uint32_t bit_width(Key key) {
  if constexpr (sizeof(Key) <= sizeof(uint64_t)) {
    return static_cast<uint32_t>(std::bit_width(key));
  } else {
    const auto high = static_cast<uint64_t>(key >> 64);
    return static_cast<uint32_t>(high != 0 ? 64 + std::bit_width(high)
                                           : std::bit_width(static_cast<uint64_t>(key)));
  }
}

// For a heap with the best range on top: fewest addresses, then tie, then the earlier entry of a
// connector.
template <class Entry>
struct Worse {
  bool operator()(const Entry* a, const Entry* b) const {
    const auto a_size = a->last - a->first;
    const auto b_size = b->last - b->first;
    if (a_size != b_size) return a_size > b_size;
    if (a->tie != b->tie) return a->tie > b->tie;
    return a->ref.range > b->ref.range;
  }
};

}  // namespace

template <class Key>
RangeTrie<Key>::RangeTrie(std::vector<Entry> entries) {
  cut(std::move(entries));
  close_last_block();
  const size_t blocks = blocks_.size();
  ASSERT(blocks < kChild);
  last_block_ = static_cast<uint32_t>(blocks - 1);
  firsts_.reserve(blocks + kWindow);
  for (const Block& block : blocks_) firsts_.push_back(block.starts[0]);
  firsts_.resize(blocks + kWindow, ~Key{0});

  add_node(0, last_block_);
  // fill_slots appends the children of a node behind it, so this walks the trie breadth first.
  for (uint32_t node = 0; node < nodes_.size(); ++node) fill_slots(node);
  blocks_.shrink_to_fit();
  nodes_.shrink_to_fit();
  slots_.shrink_to_fit();
}

// A sweep over the address space: the heap holds the ranges that have begun; those that have ended
// are dropped when they come to the top. Every step takes a beginning or an end, so it is O(n log
// n).
template <class Key>
void RangeTrie<Key>::cut(std::vector<Entry> entries) {
  std::ranges::sort(entries, {}, &Entry::first);
  blocks_.reserve((2 * entries.size() + 1) / kBlock + 1);
  std::priority_queue<const Entry*, std::vector<const Entry*>, Worse<Entry>> open;
  Key at = 0;
  size_t next = 0;
  while (true) {
    while (next < entries.size() && entries[next].first == at) open.push(&entries[next++]);
    while (!open.empty() && open.top()->last < at) open.pop();
    append(at, open.empty() ? RangeRef{} : open.top()->ref);
    const bool begins = next < entries.size();
    const bool ends = !open.empty() && open.top()->last != ~Key{0};
    if (!begins && !ends) return;
    at = begins ? entries[next].first : static_cast<Key>(open.top()->last + 1);
    if (begins && ends) at = std::min(at, static_cast<Key>(open.top()->last + 1));
  }
}

template <class Key>
void RangeTrie<Key>::append(Key start, RangeRef answer) {
  if (!blocks_.empty() && blocks_.back().answers[in_last_block_ - 1] == answer) return;
  if (in_last_block_ == kBlock) {
    blocks_.emplace_back();
    in_last_block_ = 0;
  }
  blocks_.back().starts[in_last_block_] = start;
  blocks_.back().answers[in_last_block_++] = answer;
}

template <class Key>
void RangeTrie<Key>::close_last_block() {
  Block& last = blocks_.back();
  std::fill(last.starts + in_last_block_, last.starts + kBlock, ~Key{0});
  std::fill(last.answers + in_last_block_, last.answers + kBlock, last.answers[in_last_block_ - 1]);
}

// A node for the blocks before+1 to last.
template <class Key>
uint32_t RangeTrie<Key>::add_node(uint32_t before, uint32_t last) {
  const uint32_t count = last - before;
  Node node{.low = 0, .width = 0, .slots = 0, .before = before, .last = last, .shift = 0};
  if (count != 0) {  // only a trie of a single block has none
    node.low = firsts_[before + 1];
    node.width = firsts_[last] - node.low;
    const uint32_t stride = std::max(2U, bit_width(count / kBlocksPerSlot));
    const uint32_t width = bit_width(node.width);
    node.shift = static_cast<uint8_t>(width > stride ? width - stride : 0);
  }
  nodes_.push_back(node);
  return static_cast<uint32_t>(nodes_.size() - 1);
}

template <class Key>
void RangeTrie<Key>::fill_slots(uint32_t index) {
  const Node node = nodes_[index];
  const auto count = static_cast<uint32_t>(node.width >> node.shift) + 1;
  const auto first_slot = static_cast<uint32_t>(slots_.size());
  nodes_[index].slots = first_slot;
  slots_.resize(slots_.size() + count);

  uint32_t block = node.before;
  for (uint32_t i = 0; i < count; ++i) {
    const Key begin = static_cast<Key>(node.low + (static_cast<Key>(i) << node.shift));
    while (block < node.last && firsts_[block + 1] <= begin) ++block;
    // Blocks that begin in (begin, end] lie inside. As an offset: the end may be the end of all
    // keys.
    const Key end_offset = static_cast<Key>((static_cast<Key>(i + 1) << node.shift) - 1);
    const bool is_last = i + 1 == count;
    uint32_t last = block;
    while (last < node.last &&
           (is_last || static_cast<Key>(firsts_[last + 1] - node.low) <= end_offset)) {
      ++last;
    }
    slots_[first_slot + i] = last - block > kWindow ? kChild | add_node(block, last) : block;
    block = last;
  }
}

template <class Key>
size_t RangeTrie<Key>::octets() const {
  return blocks_.capacity() * sizeof(Block) + firsts_.capacity() * sizeof(Key) +
         nodes_.capacity() * sizeof(Node) + slots_.capacity() * sizeof(uint32_t);
}

template class RangeTrie<uint32_t>;
template class RangeTrie<unsigned __int128>;

}  // namespace relais::policy
