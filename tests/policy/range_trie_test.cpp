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

}  // namespace
}  // namespace relais::policy
