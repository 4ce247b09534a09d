#include "ledger/message_reading.h"

#include <gtest/gtest.h>

namespace relais::ledger {
namespace {

constexpr std::string_view kField =
    "X-Relais-Load: run=5f0c2a9e11d3b847 n=17 octets=6 crc32c=1a2b3c4d\r\n";

MessageReading read(std::string_view message) {
  MessageReading reading;
  reading.feed(message);
  return reading;
}

TEST(MessageReadingTest, FindsMarkAndSumHoweverTheMessageIsCut) {
  const std::string message = "Received: from a\r\n\tby b\r\n" + std::string(kField) +
                              "Subject: load\r\n\r\nbody\r\n\r\nmore";
  for (size_t cut = 0; cut <= message.size(); ++cut) {
    MessageReading reading;
    reading.feed(std::string_view(message).substr(0, cut));
    reading.feed(std::string_view(message).substr(cut));
    ASSERT_TRUE(reading.mark()) << cut;
    EXPECT_EQ(reading.mark()->number, 17U);
    EXPECT_EQ(reading.body(), sum_of_body("body\r\n\r\nmore")) << cut;
  }
}

TEST(MessageReadingTest, AMarkInTheBodyIsNone) {
  EXPECT_FALSE(read("Subject: bounce\r\n\r\n" + std::string(kField)).mark());
}

TEST(MessageReadingTest, TheFirstOfTwoMarksCounts) {
  const auto reading = read(std::string(kField) + "X-Relais-Load: run=1 n=2 octets=0 crc32c=0\r\n");
  EXPECT_EQ(reading.mark()->number, 17U);
}

TEST(MessageReadingTest, AMessageWithoutEmptyLineHasNoBody) {
  EXPECT_EQ(read(kField).body(), BodySum{});
  EXPECT_EQ(read(std::string(kField) + "\r\n").body(), BodySum{});
}

TEST(MessageReadingTest, ALineThatIsTooLongIsNeitherMarkNorEndOfHeader) {
  const std::string line = "X-Long: " + std::string(5'000, 'x') + "\r\n";
  for (const size_t cut : {size_t{1}, line.size() - 2, line.size() - 1, line.size()}) {
    MessageReading reading;
    reading.feed(std::string_view(line).substr(0, cut));
    reading.feed(std::string_view(line).substr(cut));
    reading.feed(kField);
    reading.feed("\r\nbody\r\n");
    EXPECT_TRUE(reading.mark()) << cut;
    EXPECT_EQ(reading.body(), sum_of_body("body\r\n")) << cut;
  }
}

}  // namespace
}  // namespace relais::ledger
