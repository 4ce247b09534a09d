#include "policy/range_trie.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/prng.h"

namespace relais::policy {
namespace {

using V4 = RangeTrie<uint32_t>;
using Wide = unsigned __int128;
using V6 = RangeTrie<Wide>;

// Every start and its neighbours against a binary search over disjoint ranges.
template <class Key>
void expect_finds_all(const std::vector<std::pair<Key, Key>>& sorted_ranges) {
  std::vector<typename RangeTrie<Key>::Entry> entries;
  for (uint32_t i = 0; i < sorted_ranges.size(); ++i) {
    entries.push_back({sorted_ranges[i].first, sorted_ranges[i].second, 0, {0, i}});
  }
  const RangeTrie<Key> trie(entries);
  const auto check = [&](Key key) {
    RangeRef expected;
    auto after = std::ranges::upper_bound(sorted_ranges, key, {}, [](auto& r) { return r.first; });
    if (after != sorted_ranges.begin() && (after - 1)->second >= key) {
      expected = {0, static_cast<uint32_t>(after - 1 - sorted_ranges.begin())};
    }
    ASSERT_EQ(trie.find(key), expected) << "low half " << static_cast<uint64_t>(key);
  };
  for (const auto& [first, last] : sorted_ranges) {
    for (const Key end : {first, last}) {
      for (const int step : {-1, 0, 1}) check(static_cast<Key>(end + static_cast<Key>(step)));
    }
  }
  check(0);
  check(~Key{0});
}

TEST(RangeTrie, NoRangeAtAll) {
  EXPECT_EQ(V4({}).find(0), RangeRef{});
  EXPECT_EQ(V4({}).find(UINT32_MAX), RangeRef{});
  EXPECT_LT(V6({}).octets(), 1024U);
}

TEST(RangeTrie, TheWholeSpace) {
  const V4 trie({{0, UINT32_MAX, 0, {3, 4}}});
  for (const uint32_t key : {0U, 1U, 0x80000000U, UINT32_MAX}) {
    EXPECT_EQ(trie.find(key), (RangeRef{3, 4}));
  }
}

TEST(RangeTrie, SpreadEvenly) {
  std::vector<std::pair<uint32_t, uint32_t>> ranges;
  for (uint32_t i = 0; i < 10'000; ++i) ranges.push_back({i * 400'000 + 7, i * 400'000 + 7});
  expect_finds_all(ranges);
}

TEST(RangeTrie, TouchingRanges) {
  std::vector<std::pair<uint32_t, uint32_t>> ranges;
  for (uint32_t i = 0; i < 5'000; ++i)
    ranges.push_back({0x0a000000 + i * 3, 0x0a000000 + i * 3 + 2});
  expect_finds_all(ranges);
}

TEST(RangeTrie, DenseAtBothEndsOfTheSpace) {
  std::vector<std::pair<uint32_t, uint32_t>> ranges;
  for (uint32_t i = 0; i < 300; ++i) ranges.push_back({i * 2, i * 2});
  for (uint32_t i = 300; i > 0; --i) ranges.push_back({0 - i * 2 + 1, 0 - i * 2 + 1});
  expect_finds_all(ranges);
}

// Each cluster sits inside a gap of the one above: the deepest trie that can be made.
template <class Key>
std::vector<std::pair<Key, Key>> clusters_in_clusters() {
  std::vector<Key> starts;
  for (uint32_t bit = 0; bit < sizeof(Key) * 8; ++bit) {
    for (uint32_t i = 0; i < 12; ++i) starts.push_back((Key{1} << bit) + (Key{i} << bit >> 5));
  }
  std::ranges::sort(starts);
  const auto twice = std::ranges::unique(starts);
  starts.erase(twice.begin(), twice.end());
  std::vector<std::pair<Key, Key>> ranges;
  for (const Key start : starts) ranges.push_back({start, start});
  return ranges;
}

TEST(RangeTrie, ClustersInClustersV4) { expect_finds_all(clusters_in_clusters<uint32_t>()); }
TEST(RangeTrie, ClustersInClustersV6) { expect_finds_all(clusters_in_clusters<Wide>()); }

TEST(RangeTrie, ClustersDoNotCostMuchMemory) {
  std::vector<V6::Entry> entries;
  const auto ranges = clusters_in_clusters<Wide>();
  for (uint32_t i = 0; i < ranges.size(); ++i) {
    entries.push_back({ranges[i].first, ranges[i].second, 0, {0, i}});
  }
  EXPECT_LT(V6(entries).octets(), ranges.size() * 2 * 64);
}

TEST(RangeTrie, HostsOfManyV6Networks) {
  Prng prng(3);
  std::vector<Wide> starts;
  for (int i = 0; i < 5'000; ++i) {
    starts.push_back(Wide{0x20010db800000000 | prng.below(50)} << 64 | prng.below(1000));
  }
  std::ranges::sort(starts);
  const auto twice = std::ranges::unique(starts);
  starts.erase(twice.begin(), twice.end());
  std::vector<std::pair<Wide, Wide>> ranges;
  for (const Wide start : starts) ranges.push_back({start, start});
  expect_finds_all(ranges);
}

template <class Key>
RangeRef find_slowly(const std::vector<typename RangeTrie<Key>::Entry>& entries, Key key) {
  const typename RangeTrie<Key>::Entry* best = nullptr;
  for (const auto& entry : entries) {
    if (key < entry.first || entry.last < key) continue;
    if (best == nullptr || entry.last - entry.first < best->last - best->first) best = &entry;
  }
  return best != nullptr ? best->ref : RangeRef{};
}

template <class Key>
void expect_agrees(const std::vector<typename RangeTrie<Key>::Entry>& entries) {
  const RangeTrie<Key> trie(entries);
  const auto check = [&](Key key) {
    ASSERT_EQ(trie.find(key), find_slowly<Key>(entries, key))
        << "halves " << static_cast<uint64_t>(key >> (sizeof(Key) * 4)) << ' '
        << static_cast<uint64_t>(key);
  };
  for (const auto& entry : entries) {
    for (const Key end : {entry.first, entry.last}) {
      for (const int step : {-1, 0, 1}) check(static_cast<Key>(end + static_cast<Key>(step)));
    }
    check(entry.first + (entry.last - entry.first) / 2);
  }
  check(0);
  check(~Key{0});
}

// Ranges that begin and end in one another's ends, at both ends of the space and around all of it.
template <class Key>
void expect_edges() {
  constexpr Key kLast = ~Key{0};
  expect_agrees<Key>({{kLast, kLast, 0, {0, 0}}});
  expect_agrees<Key>({{0, 0, 0, {0, 0}}});
  expect_agrees<Key>({{0, kLast, 0, {0, 0}}, {0, 0, 0, {0, 1}}, {kLast, kLast, 0, {0, 2}}});
  expect_agrees<Key>({{0, kLast / 2, 0, {0, 0}}, {kLast / 2 + 1, kLast, 0, {1, 0}}});
  expect_agrees<Key>({{5, 9, 0, {0, 0}}, {10, 14, 0, {1, 0}}, {15, 15, 0, {0, 1}}});
  expect_agrees<Key>({{kLast - 9, kLast - 5, 0, {0, 0}}, {kLast - 4, kLast, 0, {1, 0}}});
}

TEST(RangeTrie, EdgesV4) { expect_edges<uint32_t>(); }
TEST(RangeTrie, EdgesV6) { expect_edges<Wide>(); }

template <class Key>
void expect_nested() {
  std::vector<typename RangeTrie<Key>::Entry> entries;
  for (uint32_t depth = 0; depth < 20; ++depth) {  // no prefix among them
    entries.push_back({Key{1000} + depth, ~Key{0} - 77 * Key{depth} - 5, 0, {depth, 0}});
  }
  for (uint32_t i = 0; i < 200; ++i) {
    entries.push_back({Key{5000} + i * 7, Key{5000} + i * 7 + i % 5, 0, {20, i}});
  }
  expect_agrees<Key>(entries);
}

TEST(RangeTrie, TwentyDeepV4) { expect_nested<uint32_t>(); }
TEST(RangeTrie, TwentyDeepV6) { expect_nested<Wide>(); }

// Ranges of every width around a few centres, so that cells hold none, one, two and many boundaries
// and lines overflow. No two are of one size, so the smallest is always one.
template <class Key>
void expect_agrees_at_random(uint64_t seed) {
  Prng prng(seed);
  const auto random_key = [&prng] {
    return static_cast<Key>(static_cast<Wide>(prng.next()) << 64 | prng.next());
  };
  Key centres[4];
  for (Key& centre : centres) centre = random_key();
  std::vector<typename RangeTrie<Key>::Entry> entries;
  const auto count = static_cast<uint32_t>(1 + prng.below(400));
  for (uint32_t i = 0; i < count; ++i) {
    const Key first = centres[prng.below(4)] + (random_key() >> prng.below(sizeof(Key) * 8));
    const Key width = random_key() >> prng.below(sizeof(Key) * 8);
    const Key last = width > ~Key{0} - first ? ~Key{0} : first + width;
    const bool taken = std::ranges::any_of(
        entries, [&](const auto& entry) { return entry.last - entry.first == last - first; });
    if (!taken) entries.push_back({first, last, 0, {i % 10, i}});
  }
  expect_agrees<Key>(entries);
}

TEST(RangeTrie, AgreesWithAScanOnRandomRanges) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    expect_agrees_at_random<uint32_t>(seed);
    expect_agrees_at_random<Wide>(seed);
  }
}

}  // namespace
}  // namespace relais::policy
