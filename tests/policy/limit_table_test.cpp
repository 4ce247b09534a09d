#include "policy/limit_table.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>
#include <vector>

#include "base/prng.h"
#include "policy/bucket.h"

namespace relais::policy {
namespace {

constexpr uint64_t kNow = 1'000'000;
constexpr uint64_t kInDebt = (kNow + 1000) << 8;

LimitHash hash_of(uint64_t key, uint64_t id = 1) {
  Prng mixed(key * 977 + id);
  return {mixed.next(), id << 48 | mixed.next() >> 16};
}

TEST(LimitTable, AKeyHasOneEntry) {
  LimitTable table(64 * 1024);
  EXPECT_EQ(table.find(hash_of(1)), nullptr);
  auto* entry = table.find_or_insert(hash_of(1), kInDebt, kNow);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->value.load() >> 8, kInDebt >> 8);
  EXPECT_EQ(table.find(hash_of(1)), entry);
  EXPECT_EQ(table.find_or_insert(hash_of(1), 77, kNow), entry);
  EXPECT_EQ(entry->value.load() >> 8, kInDebt >> 8);
  EXPECT_EQ(table.find(hash_of(1, 2)), nullptr);
}

TEST(LimitTable, AMillionLiveSourcesFitInto64MiB) {
  LimitTable table(64 << 20);
  EXPECT_LE(table.figures().places * LimitTable::kEntryOctets, 64U << 20);
  for (uint64_t key = 0; key < 1'000'000; ++key)
    ASSERT_NE(table.find_or_insert(hash_of(key), kInDebt, kNow), nullptr) << key;
  EXPECT_EQ(table.figures().no_place, 0U);
  EXPECT_EQ(table.figures().taken_over, 0U);
  for (uint64_t key = 0; key < 1'000'000; key += 997) EXPECT_NE(table.find(hash_of(key)), nullptr);
}

// The oracle: whoever is in debt is still there, however many others come.
TEST(LimitTable, NoDebtIsForgotten) {
  LimitTable table(16 * 1024);  // 1024 places
  Prng random(5);
  std::map<uint64_t, uint64_t> debts;  // key to when it is full
  uint64_t refused = 0;
  for (uint64_t i = 0; i < 50'000; ++i) {
    const uint64_t now = kNow + i * 10;
    const uint64_t key = random.below(100'000);
    const uint64_t full_at = now + random.between(1, 12'000);
    auto* entry = table.find_or_insert(hash_of(key), full_at << 8, now);
    if (entry == nullptr) {
      ++refused;
    } else {
      debts[key] = entry->value.load() >> 8;
    }
    if (i % 100 != 0) continue;
    std::erase_if(debts, [now](const auto& debt) { return debt.second <= now; });
    for (const auto& [debtor, until] : debts) {
      const auto* found = table.find(hash_of(debtor));
      ASSERT_NE(found, nullptr);
      ASSERT_EQ(found->value.load() >> 8, until);
    }
  }
  EXPECT_GT(refused, 0U);
  EXPECT_EQ(table.figures().no_place, refused);
  EXPECT_GT(table.figures().taken_over, 0U);
}

TEST(LimitTable, WhenItIsFullOfDebtsThereIsNoPlace) {
  LimitTable table(1);  // one group of 256 places
  ASSERT_EQ(table.figures().places, 256U);
  uint64_t placed = 0;
  for (uint64_t key = 0; key < 5000; ++key)
    placed += table.find_or_insert(hash_of(key), kInDebt, kNow) != nullptr ? 1U : 0U;
  EXPECT_EQ(placed, 256U);
  EXPECT_EQ(table.figures().no_place, 5000 - placed);
  // When the debts are paid, there is.
  EXPECT_NE(table.find_or_insert(hash_of(9999), kInDebt, kNow + 2000), nullptr);
}

TEST(LimitTable, CountsAboveZeroKeepTheirPlace) {
  LimitTable table(1);
  const LimitHash counted = hash_of(1, 0x8001);
  ASSERT_NE(table.find_or_insert(counted, 1, kNow), nullptr);
  for (uint64_t key = 0; key < 5000; ++key)
    (void)table.find_or_insert(hash_of(key), kBucketFull, kNow);
  EXPECT_NE(table.find(counted), nullptr);
  table.find(counted)->value = uint64_t{9} << 32;  // gone, after nine uses
  for (uint64_t key = 0; key < 5000; ++key) (void)table.find_or_insert(hash_of(key), kInDebt, kNow);
  EXPECT_EQ(table.find(counted), nullptr);
}

TEST(LimitTable, SweepingFreesWhatIsIdleAndErasingWhatIsGone) {
  LimitTable table(64 * 1024);
  for (uint64_t key = 0; key < 100; ++key) {
    ASSERT_NE(table.find_or_insert(hash_of(key, 1), kInDebt, kNow), nullptr);
    ASSERT_NE(table.find_or_insert(hash_of(key, 2), (kNow + 5000) << 8, kNow), nullptr);
  }
  EXPECT_EQ(table.sweep(kNow + 500), 200U);
  EXPECT_EQ(table.sweep(kNow + 2000), 100U);
  EXPECT_EQ(table.find(hash_of(7, 1)), nullptr);
  table.erase(2);
  EXPECT_EQ(table.sweep(kNow), 0U);
}

// Threads that insert, charge and take over the same few places: every increment is counted once.
TEST(LimitTable, ThreadsThatMeetLoseNothing) {
  constexpr uint64_t kKeys = 400;  // more than places
  constexpr int kThreads = 4;
  constexpr int kRounds = 50'000;
  LimitTable table(1);
  std::vector<std::atomic<uint64_t>> inside(kKeys);
  std::atomic<uint64_t> wrong{0};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Prng random(static_cast<uint64_t>(thread) + 1);
      const auto add = [&](const LimitHash& hash, uint64_t by) {
        for (;;) {
          auto* entry = table.find_or_insert(hash, 0, kNow);
          if (entry == nullptr) return false;
          const auto changed =
              LimitTable::change(*entry, hash.tag, [by](uint64_t value, uint64_t& next) {
                next = value + by + (uint64_t{1} << 32);
                return true;
              });
          if (changed == LimitTable::Changed::kYes) return true;
        }
      };
      for (int round = 0; round < kRounds; ++round) {
        const uint64_t key = random.below(kKeys);
        const LimitHash hash = hash_of(key, 0x8001);
        if (!add(hash, 1)) continue;
        const uint64_t mine = inside[key].fetch_add(1) + 1;
        const auto* entry = table.find(hash);
        // While we are inside, our count cannot have been taken away.
        if (entry == nullptr || mine > kThreads) ++wrong;
        inside[key].fetch_sub(1);
        bool left = false;
        while (!left) {
          auto* mine_again = table.find(hash);
          if (mine_again == nullptr) {
            ++wrong;
            break;
          }
          left = LimitTable::change(*mine_again, hash.tag, [&](uint64_t value, uint64_t& next) {
                   if ((value & LimitTable::kCountMask) == 0) ++wrong;
                   next = value - 1 + (uint64_t{1} << 32);
                   return true;
                 }) == LimitTable::Changed::kYes;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_EQ(table.sweep(kNow), 0U);
}

}  // namespace
}  // namespace relais::policy
