#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

#include <thread>

namespace relais::tls::test {
namespace {

constexpr Instant kBegin{1};

TEST(TicketKeys, EncryptForOnePeriodAndDecryptForOneMore) {
  TicketKeys keys(kBegin, hours(1));
  const TicketKeys::Key first = keys.newest();
  keys.turn(kBegin + minutes(59));
  EXPECT_EQ(keys.newest().name, first.name);
  keys.turn(kBegin + minutes(60));
  const TicketKeys::Key second = keys.newest();
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  EXPECT_NE(second.mac, first.mac);
  ASSERT_TRUE(keys.find(first.name));
  EXPECT_FALSE(keys.find(first.name)->newest);
  EXPECT_EQ(keys.find(first.name)->key.cipher, first.cipher);
  EXPECT_TRUE(keys.find(second.name)->newest);
  keys.turn(kBegin + minutes(119));
  EXPECT_TRUE(keys.find(first.name));
  keys.turn(kBegin + minutes(120));
  EXPECT_FALSE(keys.find(first.name));
  EXPECT_TRUE(keys.find(second.name));
  EXPECT_EQ(keys.count(), 2U);
}

TEST(TicketKeys, AreAllNewAfterALongSleep) {
  TicketKeys keys(kBegin, hours(1));
  keys.turn(kBegin + hours(1));
  const TicketKeys::Key old = keys.newest();
  keys.turn(kBegin + hours(100));
  EXPECT_EQ(keys.count(), 1U);
  EXPECT_FALSE(keys.find(old.name));
}

TEST(TicketKeys, AreReadWhileTheyTurn) {
  TicketKeys keys(kBegin, hours(1));
  std::thread reader([&] {
    for (int i = 0; i < 20'000; ++i) {
      const TicketKeys::Key key = keys.newest();
      if (const auto found = keys.find(key.name)) {
        EXPECT_EQ(found->key.mac, key.mac);
      }
    }
  });
  for (int i = 0; i < 2'000; ++i) keys.turn(kBegin + hours(i));
  reader.join();
  EXPECT_LE(keys.count(), 3U);
}

}  // namespace
}  // namespace relais::tls::test
