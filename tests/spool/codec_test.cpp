// The log's formats as values: what was written is read, and nothing else is.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "base/crc32c.h"
#include "base/prng.h"
#include "spool/envelope.h"
#include "spool/journal.h"
#include "spool/record.h"

namespace relais::spool {
namespace {

TEST(record, comes_back_as_it_was_sealed) {
  std::vector<std::byte> block(kBlockOctets, std::byte{0x5a});
  const RecordHeader header{.epoch = 3,
                            .sequence = 77,
                            .tail_epoch = 2,
                            .message = 1234567,
                            .chunk = 5,
                            .payload_octets = 5000,
                            .kind = RecordKind::kChunk,
                            .flags = RecordHeader::kLast | RecordHeader::kSevenBit,
                            .envelope_octets = 99,
                            .content_octets = 81'000};
  seal_record(header, block);
  const auto read = read_record(block);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->epoch, 3U);
  EXPECT_EQ(read->sequence, 77U);
  EXPECT_EQ(read->tail_epoch, 2U);
  EXPECT_EQ(read->message, 1234567U);
  EXPECT_EQ(read->chunk, 5U);
  EXPECT_EQ(read->payload_octets, 5000U);
  EXPECT_TRUE(read->is_last());
  EXPECT_EQ(read->traits(), (ContentTraits{.seven_bit = true, .undotted = false}));
  EXPECT_EQ(read->envelope_octets, 99U);
  EXPECT_EQ(read->content_octets, 81'000U);
  EXPECT_EQ(disk_octets(5000), 8192U);
  for (size_t i = kHeaderOctets + 5000; i < 8192; ++i)
    ASSERT_EQ(block[i], std::byte{0}) << "padding at " << i;
}

TEST(record, is_the_same_when_the_crc_of_its_payload_is_known) {
  std::vector<std::byte> block(kBlockOctets);
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::byte>(i * 7 / 5);
  const RecordHeader header{.epoch = 3, .sequence = 77, .payload_octets = kPayloadMax};
  std::vector<std::byte> known = block;
  seal_record(header, block);
  seal_full_record(header, known, crc32c(std::span(known).subspan(kHeaderOctets)));
  EXPECT_EQ(known, block);
}

TEST(record, any_flipped_bit_of_header_or_payload_is_noticed) {
  std::vector<std::byte> block(kBlockOctets, std::byte{0x11});
  seal_record({.epoch = 9, .sequence = 1, .payload_octets = 300, .kind = RecordKind::kJournal},
              block);
  for (size_t at = 0; at < kHeaderOctets + 300; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      block[at] ^= std::byte{static_cast<uint8_t>(1U << bit)};
      ASSERT_FALSE(read_record(block).has_value()) << "bit " << bit << " of octet " << at;
      block[at] ^= std::byte{static_cast<uint8_t>(1U << bit)};
    }
  }
  EXPECT_TRUE(read_record(block).has_value());
}

TEST(record, is_not_read_from_fewer_octets_than_it_has) {
  std::vector<std::byte> block(kBlockOctets);
  seal_record({.payload_octets = 1000, .kind = RecordKind::kChunk}, block);
  for (size_t size = 0; size < kHeaderOctets + 1000; ++size) {
    ASSERT_FALSE(read_record(std::span(block).first(size)).has_value()) << size;
  }
}

TEST(record, random_octets_are_never_a_record) {
  Prng prng(1);
  std::vector<std::byte> block(kAlignment);
  for (int round = 0; round < 2000; ++round) {
    for (auto& octet : block) octet = static_cast<std::byte>(prng.next());
    // With the right magic, so that the rest has to tell.
    std::memcpy(block.data(), "RLR1", 4);
    ASSERT_FALSE(read_record(block).has_value());
  }
}

TEST(envelope, comes_back_with_odd_addresses) {
  const std::string long_name(65'535, 'a');
  const Envelope envelope{
      .guid = {1, 2},
      .received = {123},
      .eight_bit = true,
      .connector = "Anonymous Relay",
      .client = "[2001:db8::1]:25",
      .sender = "",
      .recipients = {"\"odd local\"@example.com", "kate@fabrikam.com", long_name}};
  std::string bytes;
  append_envelope(bytes, envelope);
  const auto read = read_envelope(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->guid, envelope.guid);
  EXPECT_EQ(read->received, envelope.received);
  EXPECT_TRUE(read->eight_bit);
  EXPECT_EQ(read->connector, envelope.connector);
  EXPECT_EQ(read->client, envelope.client);
  EXPECT_EQ(read->sender, "");
  EXPECT_EQ(read->recipients, envelope.recipients);
  const auto front = read_front(bytes);
  ASSERT_TRUE(front.has_value());
  EXPECT_EQ(front->received, envelope.received);
  EXPECT_EQ(front->connector, envelope.connector);
  EXPECT_EQ(front->client, envelope.client);
}

TEST(envelope, what_a_client_asked_for_comes_back) {
  const Envelope envelope{.guid = {1, 2},
                          .received = {123},
                          .binary = true,
                          .utf8 = true,
                          .require_tls = true,
                          .connector = "Anonymous Relay",
                          .client = "[2001:db8::1]:25",
                          .sender = "k\xc3\xa4the@contoso.com",
                          .recipients = {"a@b", "c@d"},
                          .ret = 2,
                          .envid = "QQ+2B1",
                          .dsn = {{.notify = 5, .orcpt = "rfc822;x@y"}, {}}};
  std::string bytes;
  append_envelope(bytes, envelope);
  const auto read = read_envelope(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->binary && read->utf8 && read->require_tls && !read->eight_bit);
  EXPECT_EQ(read->ret, 2);
  EXPECT_EQ(read->envid, "QQ+2B1");
  ASSERT_EQ(read->dsn.size(), 2U);
  EXPECT_EQ(read->dsn[0].notify, 5);
  EXPECT_EQ(read->dsn[0].orcpt, "rfc822;x@y");
  EXPECT_EQ(read->dsn[1].orcpt, "");
  for (size_t size = 0; size < bytes.size(); ++size)
    ASSERT_FALSE(read_envelope(std::string_view(bytes).substr(0, size)).has_value()) << size;
  bytes[1] = static_cast<char>(bytes[1] | 0x20);
  EXPECT_FALSE(read_envelope(bytes).has_value()) << "of a newer version";
}

TEST(envelope, cut_or_foreign_bytes_are_no_envelope_and_no_crash) {
  std::string bytes;
  append_envelope(bytes, {.guid = {},
                          .received = {},
                          .connector = "c",
                          .client = "x",
                          .sender = "a@b",
                          .recipients = {"c@d", "e@f"}});
  for (size_t size = 0; size < bytes.size(); ++size)
    ASSERT_FALSE(read_envelope(std::string_view(bytes).substr(0, size)).has_value()) << size;
  Prng prng(2);
  for (int round = 0; round < 20'000; ++round) {
    std::string mutated = bytes;
    mutated[prng.below(mutated.size())] = static_cast<char>(prng.next());
    [[maybe_unused]] const auto read = read_envelope(mutated);  // must only not crash
  }
}

TEST(journal, entries_come_back_in_order) {
  std::string bytes;
  append_entry(bytes, {.kind = JournalEntry::Kind::kGone, .message = 7});
  append_entry(bytes, {.message = 8,
                       .state = {.attempts = 3, .next_attempt = {99}, .settled = {0, 5, 1000}}});
  const size_t two = bytes.size();
  append_entry(bytes, {.kind = JournalEntry::Kind::kDropped,
                       .dropped = {.first = 3, .last = 5, .sequence = 77}});
  std::vector<JournalEntry> entries;
  ASSERT_TRUE(
      read_entries(bytes, [&](JournalEntry&& entry) { entries.push_back(std::move(entry)); }));
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].kind, JournalEntry::Kind::kGone);
  EXPECT_EQ(entries[0].message, 7U);
  EXPECT_EQ(entries[1].state.attempts, 3U);
  EXPECT_EQ(entries[1].state.next_attempt, WallTime{99});
  EXPECT_EQ(entries[1].state.settled, (std::vector<uint32_t>{0, 5, 1000}));
  EXPECT_EQ(entries[2].dropped.first, 3U);
  EXPECT_EQ(entries[2].dropped.last, 5U);
  EXPECT_EQ(entries[2].dropped.sequence, 77U);
  for (size_t size = 1; size < bytes.size(); ++size) {
    if (size == 9 || size == two) continue;  // exactly the first entries
    EXPECT_FALSE(read_entries(std::string_view(bytes).substr(0, size), [](JournalEntry&&) {}))
        << size;
  }
}

}  // namespace
}  // namespace relais::spool
