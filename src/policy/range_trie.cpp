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
  const size_t segments = starts_.size();
  ASSERT(segments < kChild);
  starts_.resize(segments + kWindow, ~Key{0});
  values_.resize(segments + kWindow, RangeRef(values_.back()));

  add_node(0, static_cast<uint32_t>(segments - 1));
  // fill_slots appends the children of a node behind it, so this walks the trie breadth first.
  for (uint32_t node = 0; node < nodes_.size(); ++node) fill_slots(node);
  nodes_.shrink_to_fit();
  slots_.shrink_to_fit();
}

// A sweep over the address space: the heap holds the ranges that have begun; those that have ended
// are dropped when they come to the top. Every step takes a beginning or an end, so it is O(n log
// n).
template <class Key>
void RangeTrie<Key>::cut(std::vector<Entry> entries) {
  std::ranges::sort(entries, {}, &Entry::first);
  starts_.reserve(2 * entries.size() + 1 + kWindow);
  values_.reserve(2 * entries.size() + 1 + kWindow);
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
void RangeTrie<Key>::append(Key start, RangeRef value) {
  if (!values_.empty() && values_.back() == value) return;
  starts_.push_back(start);
  values_.push_back(value);
}

// A node for the starts before+1 to last.
template <class Key>
uint32_t RangeTrie<Key>::add_node(uint32_t before, uint32_t last) {
  const uint32_t count = last - before;
  Node node{.low = 0, .width = 0, .slots = 0, .before = before, .last = last, .shift = 0};
  if (count != 0) {  // only a trie without any range has none
    node.low = starts_[before + 1];
    node.width = starts_[last] - node.low;
    const uint32_t stride = std::max(2U, bit_width(count / kStartsPerSlot));
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

  uint32_t segment =
      node.before;  // in force at the beginning of the slot, once the loop has moved it there
  for (uint32_t i = 0; i < count; ++i) {
    const Key begin = static_cast<Key>(node.low + (static_cast<Key>(i) << node.shift));
    while (segment < node.last && starts_[segment + 1] <= begin) ++segment;
    // Starts in (begin, end] fall inside; offset within the node, as its end may be the end of all
    // keys.
    const Key end_offset = static_cast<Key>((static_cast<Key>(i + 1) << node.shift) - 1);
    const bool is_last = i + 1 == count;
    uint32_t last = segment;
    while (last < node.last &&
           (is_last || static_cast<Key>(starts_[last + 1] - node.low) <= end_offset)) {
      ++last;
    }
    slots_[first_slot + i] = last - segment > kWindow ? kChild | add_node(segment, last) : segment;
    segment = last;
  }
}

template <class Key>
size_t RangeTrie<Key>::octets() const {
  return starts_.capacity() * sizeof(Key) + values_.capacity() * sizeof(RangeRef) +
         nodes_.capacity() * sizeof(Node) + slots_.capacity() * sizeof(uint32_t);
}

template class RangeTrie<uint32_t>;
template class RangeTrie<unsigned __int128>;

}  // namespace relais::policy
