// From an address to the best of the ranges that contain it: a compressed trie that lists where
// ranges begin and end in 16 bits each, and their exact ends behind it. Internal to
// connector_table.
//
// First all ranges are cut at their ends into segments, inside each of which one and the same range
// is best; n ranges give at most 2n boundaries between segments, nested or not. Over these stand:
//
//   node    some consecutive boundaries. It begins at the lowest and ends at the highest of them:
//           a common prefix costs nothing. It cuts what lies between into equal parts, one for
//           about kCellsAimed cells, which one multiplication finds.
//   line    one part, divided into 65536 cells; it lists the cells that have boundaries in them,
//           and knows the answer of its widest gap between them (of most: no range) and in which
//           other gaps that is the answer, too. So an address that is in no list is done here, and
//           lines are few enough for the cache: 5 MB for a million separate addresses.
//   record  the exact boundaries and answers of one listed cell. Both ends of a range of one
//           address share a cell, so that one trip to memory answers for it.
//   child   a node of its own for a cell with more than two boundaries, or for a whole part that
//           has more cells than a line can list.
//
// Memory: a record and 4 octets of line for a range that fits into a cell, as one address does; two
// records otherwise. A record has 32 octets for IPv4 and 64 for IPv6, so a million ranges take some
// 40 or 80 MB, ten 1 KiB. Evenly spread ranges need one level; each further level consumes at least
// one bit of the address. Limit: 2^32 segments. Immutable once built.
#pragma once

#include <algorithm>
#include <bit>
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

template <class Key>
class RangeTrieBuilder;

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
      if (offset > node->width) [[unlikely]]
        return key < node->low ? node->before : node->after;
      const uint64_t place = node->place(offset);
      const Line& line = lines_[node->lines + (place >> kCellBits)];
      if (line.records == kWhole) [[unlikely]] {
        node = &nodes_[line.child];
        continue;
      }
      const auto [lower, passed] = line.count(cell_of(place));
      if (lower == passed) return gap(line, lower);
      if ((line.many >> lower & 1) == 0) return records_[line.records + lower].find(key);
      node = &nodes_[line.child + bits_below(line.many, lower)];
    }
  }

  [[nodiscard]] size_t octets() const;

 private:
  friend class RangeTrieBuilder<Key>;
  static constexpr uint32_t kCells = 48;
  static constexpr uint32_t kCellBits = 16;
  static constexpr uint32_t kKeyBits = sizeof(Key) * 8;
  static constexpr int16_t kNoCell = INT16_MAX;
  static constexpr uint32_t kWhole = UINT32_MAX;

  struct alignas(64) Node {
    Key low;          // where its first boundary is
    Key width;        // where its last boundary is, minus low
    uint64_t cells;   // number of its lines << kCellBits
    RangeRef before;  // below low
    RangeRef after;   // above low + width
    uint32_t lines;   // its first line
    uint8_t shift;    // brings the top bit of width to the top

    // line << kCellBits | cell; never falls as the offset grows.
    [[nodiscard]] uint64_t place(Key offset) const {
      const auto shifted = static_cast<Key>(offset << shift);
      uint64_t top = 0;
      if constexpr (kKeyBits == 32) {
        top = uint64_t{shifted} << 32;
      } else {
        top = static_cast<uint64_t>(shifted >> 64);
      }
      return static_cast<uint64_t>(static_cast<unsigned __int128>(top) * cells >> 64);
    }
  };

  struct alignas(128) Line {
    int16_t cells[kCells];  // the listed ones, ascending; then kNoCell
    uint64_t common;        // bit i: the answer in the gap behind i cells is `answer`
    uint64_t many;          // bit i: the cell i has a child
    RangeRef answer;
    uint32_t records;  // that of its first cell; kWhole: nothing is listed, all is in the child
    uint32_t child;    // the first of its children

    struct Counts {
      uint32_t lower;   // than the cell
      uint32_t passed;  // the same, and the cell itself if it is listed
    };
    [[nodiscard]] Counts count(int16_t cell) const {
      int16_t lower = 0;
      int16_t passed = 0;
      for (const int16_t listed : cells) {
        lower = static_cast<int16_t>(lower + (listed < cell ? 1 : 0));
        passed = static_cast<int16_t>(passed + (listed <= cell ? 1 : 0));
      }
      return {static_cast<uint32_t>(lower), static_cast<uint32_t>(passed)};
    }
  };

  // A cell with one boundary has it twice.
  struct alignas(sizeof(Key) == 4 ? 32 : 64) Record {
    Key first;
    Key second;
    RangeRef before;   // below first
    RangeRef between;  // from first to below second
    RangeRef after;    // from second

    [[nodiscard]] RangeRef find(Key key) const {
      return key < first ? before : key < second ? between : after;
    }
  };

  // Signed, because that is what SSE2 can compare.
  static int16_t cell_of(uint64_t place) {
    const auto cell = static_cast<int16_t>(static_cast<uint16_t>(place) ^ 0x8000U);
    return std::min(cell, static_cast<int16_t>(kNoCell - 1));
  }

  static uint32_t bits_below(uint64_t bits, uint32_t end) {
    return static_cast<uint32_t>(std::popcount(bits & ((uint64_t{1} << end) - 1)));
  }

  // In the gap behind so many listed cells.
  [[nodiscard]] RangeRef gap(const Line& line, uint32_t cells) const {
    if ((line.common >> cells & 1) != 0) return line.answer;
    const Record* const records = &records_[line.records];
    return cells == 0 ? records[0].before : records[cells - 1].after;
  }

  std::vector<Node> nodes_;  // the root stands first
  std::vector<Line> lines_;
  std::vector<Record> records_;
};

extern template class RangeTrie<uint32_t>;
extern template class RangeTrie<unsigned __int128>;

}  // namespace relais::policy
