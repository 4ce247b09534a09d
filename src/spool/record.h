// The log's records on disk (format version 1). Pure: bytes in, values out. All numbers little
// endian.
//
//   0        4        8                16               24               32
//   +--------+--------+----------------+----------------+----------------+
//   | magic  | crc32c | epoch          | sequence       | tail epoch     |
//   +--------+--------+----------------+--------+-------+----------------+
//   | message number  | chunk | octets | k | f | 0   | envelope | content octets |
//   +-----------------+-------+--------+---+---+-----+----------+----------------+ 64
//   | payload (octets), then zeros up to a multiple of 4096                       |
//
// A message is one stream, envelope then content (wire form: dot-stuffed, CRLF), cut into chunks of
// kPayloadMax octets; the last chunk carries kLast and the content's length, and only with it the
// message exists. `crc32c` covers everything behind it, payload included. `epoch` names one use of
// a segment: bytes that a recycled segment still holds from an earlier use never pass for new.
// `sequence` counts records over the whole log without gaps, so a scan ends at the first record
// that is not the expected one. `tail epoch`: segments of a smaller epoch held nothing alive when
// this was written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace relais::spool {

inline constexpr uint32_t kAlignment = 4096;  // of records, for O_DIRECT on any disk
inline constexpr uint32_t kBlockOctets = 16'384;
inline constexpr uint32_t kHeaderOctets = 64;
inline constexpr uint32_t kPayloadMax = kBlockOctets - kHeaderOctets;

enum class RecordKind : uint8_t { kSegment = 1, kChunk = 2, kJournal = 3 };

// What is known of a whole content; false: it may be otherwise.
struct ContentTraits {
  bool seven_bit = false;  // no octet is above 127
  bool undotted = false;   // no line begins with a dot: its wire form is what was given
  friend bool operator==(const ContentTraits&, const ContentTraits&) = default;
};

struct RecordHeader {
  static constexpr uint8_t kLast = 1;
  // With kLast: see ContentTraits.
  static constexpr uint8_t kSevenBit = 2;
  static constexpr uint8_t kUndotted = 4;

  uint64_t epoch = 0;
  uint64_t sequence = 0;  // kSegment: of the first record that follows
  uint64_t tail_epoch = 0;
  uint64_t message = 0;  // kChunk; kSegment: smallest number never used before this segment
  uint32_t chunk = 0;    // kChunk: 0, 1, 2 ...
  uint32_t payload_octets = 0;
  RecordKind kind = RecordKind::kChunk;
  uint8_t flags = 0;
  uint32_t envelope_octets = 0;  // kChunk: of the whole envelope, in every chunk
  uint64_t content_octets = 0;   // kChunk with kLast: of the whole content

  [[nodiscard]] bool is_last() const { return (flags & kLast) != 0; }
  [[nodiscard]] ContentTraits traits() const {
    return {.seven_bit = (flags & kSevenBit) != 0, .undotted = (flags & kUndotted) != 0};
  }
};

// Octets that a record takes on disk.
constexpr uint32_t disk_octets(uint32_t payload_octets) {
  return (kHeaderOctets + payload_octets + kAlignment - 1) / kAlignment * kAlignment;
}

// Writes the header in front of the payload that stands at block[64..], zeroes the padding. `block`
// holds at least disk_octets(payload).
void seal_record(const RecordHeader& header, std::span<std::byte> block);
// The same of a payload of kPayloadMax octets whose CRC is known.
void seal_full_record(const RecordHeader& header, std::span<std::byte> block, uint32_t payload_crc);

// The record at the front of `bytes`, or nothing: wrong magic, cut off, or damaged. Its payload is
// at bytes[64..].
[[nodiscard]] std::optional<RecordHeader> read_record(std::span<const std::byte> bytes);

}  // namespace relais::spool
