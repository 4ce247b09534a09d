#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/prng.h"

namespace relais {
namespace {

std::span<const std::byte> octets(std::string_view text) { return std::as_bytes(std::span(text)); }

using Crc = uint32_t (*)(std::span<const std::byte>, uint32_t);

TEST(Crc32c, has_the_published_values) {
  std::array<std::byte, 32> zeros{};
  std::array<std::byte, 32> ones{};
  ones.fill(std::byte{0xff});
  std::array<std::byte, 32> up{};
  std::array<std::byte, 32> down{};
  for (size_t i = 0; i < 32; ++i) {
    up[i] = static_cast<std::byte>(i);
    down[i] = static_cast<std::byte>(31 - i);
  }
  // RFC 3720, B.4; and the catalogue's check value.
  for (const Crc crc : {Crc{crc32c}, Crc{crc32c_portable}}) {
    EXPECT_EQ(crc(octets(""), 0), 0U);
    EXPECT_EQ(crc(octets("123456789"), 0), 0xe3069283U);
    EXPECT_EQ(crc(zeros, 0), 0x8a9136aaU);
    EXPECT_EQ(crc(ones, 0), 0x62a8ab43U);
    EXPECT_EQ(crc(up, 0), 0x46dd794eU);
    EXPECT_EQ(crc(down, 0), 0x113fdb5cU);
  }
}

TEST(Crc32c, hardware_and_table_agree_on_every_length_and_alignment) {
  Prng prng(1);
  std::vector<std::byte> memory(40'000);
  for (std::byte& b : memory) b = static_cast<std::byte>(prng.below(256));
  const auto compare = [&](size_t offset, size_t length, uint32_t start) {
    const auto bytes = std::span<const std::byte>(memory).subspan(offset, length);
    ASSERT_EQ(crc32c(bytes, start), crc32c_portable(bytes, start)) << offset << " " << length;
  };
  for (size_t length = 0; length < 300; ++length) compare(length % 8, length, 0);
  // Around the three lanes of 1024 octets.
  for (size_t length = 3060; length < 3090; ++length) compare(length % 8, length, 1);
  for (int i = 0; i < 500; ++i) {
    const size_t offset = prng.below(64);
    compare(offset, prng.below(memory.size() - offset), static_cast<uint32_t>(prng.next()));
  }
}

TEST(Crc32c, of_two_parts_is_the_front_shifted_over_the_back) {
  Prng prng(3);
  std::vector<std::byte> memory(20'000);
  for (std::byte& b : memory) b = static_cast<std::byte>(prng.below(256));
  const std::span<const std::byte> all(memory);
  for (const size_t back : {0, 1, 7, 16'320, 20'000}) {
    const Crc32cShift shift(back);
    const size_t front = all.size() - back;
    EXPECT_EQ(crc32c(all), shift(crc32c(all.first(front))) ^ crc32c(all.subspan(front))) << back;
  }
}

TEST(Crc32c, goes_on_where_an_earlier_call_stopped) {
  Prng prng(2);
  std::vector<std::byte> memory(10'000);
  for (std::byte& b : memory) b = static_cast<std::byte>(prng.below(256));
  const std::span<const std::byte> all(memory);
  for (int i = 0; i < 200; ++i) {
    const size_t cut = prng.below(memory.size() + 1);
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all));
  }
}

TEST(Crc32c, sees_every_single_bit) {
  std::array<std::byte, 64> bytes{};
  const uint32_t clean = crc32c(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_NE(crc32c(bytes), clean);
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
  }
}

}  // namespace
}  // namespace relais
