#include "policy/range_trie.h"

#include <algorithm>
#include <bit>
#include <queue>
#include <utility>

#include "base/assert.h"

namespace relais::policy {
namespace {

constexpr uint32_t kCellsAimed = 34;   // of the 48 that a line can list
constexpr uint32_t kLinesPerUsed = 4;  // at most that many are made for each that lists a cell

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

// The work of the constructor.
template <class Key>
class RangeTrieBuilder {
 public:
  using Trie = RangeTrie<Key>;

  RangeTrieBuilder(Trie& trie, std::vector<typename Trie::Entry> entries) : trie_(trie) {
    cut(std::move(entries));
    ASSERT(starts_.size() < UINT32_MAX);
    // What is reserved and never used takes addresses only, no memory.
    trie_.lines_.reserve(starts_.size() / kCellsAimed * 2 + 8);
    trie_.records_.reserve(starts_.size());
    add_node({1, static_cast<uint32_t>(starts_.size())});
    // fill_node appends the children of a node behind it, so this walks the trie breadth first.
    for (uint32_t node = 0; node < spans_.size(); ++node) fill_node(node);
  }

 private:
  using Node = typename Trie::Node;
  using Line = typename Trie::Line;
  using Record = typename Trie::Record;

  // Boundaries, by the segments that begin there.
  struct Span {
    uint32_t begin;
    uint32_t end;
  };

  void cut(std::vector<typename Trie::Entry> entries);
  void append(Key start, RangeRef answer);
  [[nodiscard]] Key where(uint32_t boundary) const;
  uint32_t add_node(Span span);
  [[nodiscard]] uint32_t lines_for(Node node, Span span) const;
  void fill_node(uint32_t index);
  void fill_line(uint32_t index, const Node& node, Span span);
  [[nodiscard]] Line list_cells(const Node& node, Span span);
  void set_common(Line& line, Span span) const;

  Trie& trie_;
  std::vector<Key> starts_;  // of the segments; the first is 0
  std::vector<RangeRef> answers_;
  std::vector<Span> spans_;  // of the nodes
  std::vector<Span> cells_;  // of the line that is being filled
};

// A sweep over the address space: the heap holds the ranges that have begun; those that have ended
// are dropped when they come to the top. Every step takes a beginning or an end, so it is O(n log
// n).
template <class Key>
void RangeTrieBuilder<Key>::cut(std::vector<typename Trie::Entry> entries) {
  using Entry = typename Trie::Entry;
  std::ranges::sort(entries, {}, &Entry::first);
  starts_.reserve(2 * entries.size() + 1);
  answers_.reserve(2 * entries.size() + 1);
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
void RangeTrieBuilder<Key>::append(Key start, RangeRef answer) {
  if (!answers_.empty() && answers_.back() == answer) return;
  starts_.push_back(start);
  answers_.push_back(answer);
}

// The address in whose cell the boundary is listed: the first behind it; or, when it ends what the
// boundary before it began, the last before it, so that both ends of a range of one address share a
// cell.
template <class Key>
Key RangeTrieBuilder<Key>::where(uint32_t boundary) const {
  const bool ends = boundary > 1 && answers_[boundary] == answers_[boundary - 2];
  return starts_[boundary] - (ends ? 1 : 0);
}

template <class Key>
uint32_t RangeTrieBuilder<Key>::add_node(Span span) {
  Node node{.low = 0,
            .width = 0,
            .cells = uint64_t{1} << Trie::kCellBits,
            .before = answers_[span.begin - 1],
            .after = answers_[span.end - 1],
            .lines = 0,
            .shift = 0};
  if (span.begin != span.end) {  // only a trie of a single segment has none
    node.low = where(span.begin);
    node.width = where(span.end - 1) - node.low;
    node.shift = static_cast<uint8_t>(Trie::kKeyBits - std::max(1U, bit_width(node.width)));
    node.cells = uint64_t{lines_for(node, span)} << Trie::kCellBits;
  }
  trie_.nodes_.push_back(node);
  spans_.push_back(span);
  return static_cast<uint32_t>(spans_.size() - 1);
}

// When all boundaries lie in few of the lines, few are made and the rest is left to children.
template <class Key>
uint32_t RangeTrieBuilder<Key>::lines_for(Node node, Span span) const {
  const uint32_t boundaries = span.end - span.begin;
  if (boundaries <= Trie::kCells) return 1;
  node.cells = uint64_t{boundaries / kCellsAimed + 1} << Trie::kCellBits;
  uint32_t cells = 0;
  uint32_t lines = 0;
  uint64_t before = UINT64_MAX;
  for (uint32_t i = span.begin; i < span.end; ++i) {
    const uint64_t place = node.place(where(i) - node.low);
    cells += place != before ? 1 : 0;
    lines += place >> Trie::kCellBits != before >> Trie::kCellBits ? 1 : 0;
    before = place;
  }
  if (cells <= Trie::kCells) return 1;
  return std::min(cells / kCellsAimed + 1, std::max(2U, lines * kLinesPerUsed));
}

template <class Key>
void RangeTrieBuilder<Key>::fill_node(uint32_t index) {
  const auto first_line = static_cast<uint32_t>(trie_.lines_.size());
  trie_.nodes_[index].lines = first_line;
  const Node node = trie_.nodes_[index];  // by value: fill_line adds to the list
  const auto count = static_cast<uint32_t>(node.cells >> Trie::kCellBits);
  ASSERT(trie_.lines_.size() + count < UINT32_MAX);
  trie_.lines_.resize(trie_.lines_.size() + count);
  Span part{spans_[index].begin, spans_[index].begin};
  const uint32_t end = spans_[index].end;
  for (uint32_t i = 0; i < count; ++i) {
    part.begin = part.end;
    while (part.end < end && node.place(where(part.end) - node.low) >> Trie::kCellBits == i) {
      ++part.end;
    }
    fill_line(first_line + i, node, part);
  }
}

template <class Key>
void RangeTrieBuilder<Key>::fill_line(uint32_t index, const Node& node, Span span) {
  Line line = list_cells(node, span);
  line.records = static_cast<uint32_t>(trie_.records_.size());
  line.child = static_cast<uint32_t>(spans_.size());
  if (cells_.size() > Trie::kCells) {
    line.records = Trie::kWhole;
    add_node(span);
  } else {
    set_common(line, span);
    for (uint32_t i = 0; i < cells_.size(); ++i) {
      const auto [begin, end] = cells_[i];
      trie_.records_.push_back({.first = starts_[begin],
                                .second = starts_[end - 1],
                                .before = answers_[begin - 1],
                                .between = answers_[begin],
                                .after = answers_[end - 1]});
      if (end - begin <= 2) continue;
      line.many |= uint64_t{1} << i;
      add_node(cells_[i]);
    }
  }
  trie_.lines_[index] = line;
}

// Fills cells_: one too many when the line cannot hold them all.
template <class Key>
auto RangeTrieBuilder<Key>::list_cells(const Node& node, Span span) -> Line {
  cells_.clear();
  Line line{};
  std::ranges::fill(line.cells, Trie::kNoCell);
  for (uint32_t i = span.begin; i < span.end; ++i) {
    const int16_t cell = Trie::cell_of(node.place(where(i) - node.low));
    if (!cells_.empty() && line.cells[cells_.size() - 1] == cell) {
      cells_.back().end = i + 1;
      continue;
    }
    cells_.push_back({i, i + 1});
    if (cells_.size() > Trie::kCells) break;
    line.cells[cells_.size() - 1] = cell;
  }
  return line;
}

template <class Key>
void RangeTrieBuilder<Key>::set_common(Line& line, Span span) const {
  const auto behind = [&](size_t i) {
    return answers_[(i == 0 ? span.begin : cells_[i - 1].end) - 1];
  };
  int32_t widest = -1;
  int32_t begin = INT16_MIN;
  for (size_t i = 0; i <= cells_.size(); ++i) {
    const int32_t end = i == cells_.size() ? Trie::kNoCell : line.cells[i];
    if (end - begin > widest) {
      widest = end - begin;
      line.answer = behind(i);
    }
    begin = end;
  }
  for (size_t i = 0; i <= cells_.size(); ++i) {
    if (behind(i) == line.answer) line.common |= uint64_t{1} << i;
  }
}

template <class Key>
RangeTrie<Key>::RangeTrie(std::vector<Entry> entries) {
  RangeTrieBuilder<Key>(*this, std::move(entries));
}

template <class Key>
size_t RangeTrie<Key>::octets() const {
  return nodes_.size() * sizeof(Node) + lines_.size() * sizeof(Line) +
         records_.size() * sizeof(Record);
}

template class RangeTrie<uint32_t>;
template class RangeTrie<unsigned __int128>;

}  // namespace relais::policy
