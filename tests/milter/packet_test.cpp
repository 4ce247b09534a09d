#include "milter/packet.h"

#include <gtest/gtest.h>

#include "packets.h"

namespace relais::milter::test {
namespace {

using Got = PacketReader::Got;

TEST(Packet, IsTheSameHoweverItIsCut) {
  const std::string bytes =
      packet('c') + packet('y', std::string_view("550 no\0", 7)) + packet('p');
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    for (size_t second = cut; second <= bytes.size(); ++second) {
      PacketReader reader;
      std::string commands;
      std::string data;
      for (const auto& [from, to] :
           {std::pair{size_t{0}, cut}, {cut, second}, {second, bytes.size()}}) {
        const std::string copy = bytes.substr(from, to - from);
        std::string_view input = copy;
        Packet got;
        while (reader.take(input, got) == Got::kPacket) {
          commands += got.command;
          data += got.data;
        }
        EXPECT_TRUE(input.empty());
      }
      EXPECT_EQ(commands, "cyp") << cut << " " << second;
      EXPECT_EQ(data, std::string("550 no\0", 7));
    }
  }
}

TEST(Packet, OfAnImpossibleLengthIsNonsense) {
  for (const uint32_t length : {0U, static_cast<uint32_t>(kPacketMax + 1), 0xffff'ffffU}) {
    std::string bytes(4, '\0');
    write_number(bytes.data(), length);
    bytes += "abc";
    Packet got;
    PacketReader whole;
    std::string_view input = bytes;
    EXPECT_EQ(whole.take(input, got), Got::kNonsense) << length;
    PacketReader cut;
    std::string_view first = std::string_view(bytes).substr(0, 2);
    EXPECT_EQ(cut.take(first, got), Got::kNothing);
    std::string_view rest = std::string_view(bytes).substr(2);
    EXPECT_EQ(cut.take(rest, got), Got::kNonsense) << length;
    EXPECT_LE(cut.held(), kLengthOctets);
  }
}

TEST(Packet, OfTheLargestLengthIsRead) {
  std::string bytes(4, '\0');
  write_number(bytes.data(), static_cast<uint32_t>(kPacketMax));
  bytes += 'b';
  bytes.append(kPacketMax - 1, 'x');
  PacketReader reader;
  Packet got;
  std::string_view first = std::string_view(bytes).substr(0, 1000);
  EXPECT_EQ(reader.take(first, got), Got::kNothing);
  std::string_view rest = std::string_view(bytes).substr(1000);
  ASSERT_EQ(reader.take(rest, got), Got::kPacket);
  EXPECT_EQ(got.data.size(), kPacketMax - 1);
}

TEST(Packet, MacrosWithoutAValueAreLeftOut) {
  std::string bytes;
  PacketWriter(bytes, 'D').octets("C").macro("j", "mx").macro("i", "").macro("v", "1").close();
  EXPECT_EQ(show(bytes), Lines{"D Cj|mx|v|1|"});
}

TEST(Packet, ATextEndsAtItsFirstNul) {
  std::string bytes;
  PacketWriter(bytes, 'H').text(std::string_view("a\0b", 3)).close();
  EXPECT_EQ(show(bytes), Lines{"H a|"});
}

}  // namespace
}  // namespace relais::milter::test
