#include "spool/record.h"

#include <cstring>

#include "base/assert.h"
#include "base/crc32c.h"

namespace relais::spool {
namespace {

constexpr uint32_t kMagic = 0x31524c52;  // "RLR1"
constexpr uint32_t kCrcEnd = 8;

template <class T>
void put(std::byte*& at, T value) {
  std::memcpy(at, &value, sizeof value);  // x86-64 and AArch64 are little endian
  at += sizeof value;
}

template <class T>
T get(const std::byte*& at) {
  T value{};
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}

// All but the CRC.
void put_header(const RecordHeader& header, std::span<std::byte> block) {
  const uint32_t used = kHeaderOctets + header.payload_octets;
  const uint32_t padded = disk_octets(header.payload_octets);
  ASSERT(block.size() >= padded);
  std::byte* at = block.data();
  put(at, kMagic);
  at = block.data() + kCrcEnd;
  put(at, header.epoch);
  put(at, header.sequence);
  put(at, header.tail_epoch);
  put(at, header.message);
  put(at, header.chunk);
  put(at, header.payload_octets);
  put(at, static_cast<uint8_t>(header.kind));
  put(at, header.flags);
  put(at, uint16_t{0});
  put(at, header.envelope_octets);
  put(at, header.content_octets);
  ASSERT(at == block.data() + kHeaderOctets);
  std::memset(block.data() + used, 0, padded - used);
}

void put_crc(std::span<std::byte> block, uint32_t crc) {
  std::byte* at = block.data() + sizeof kMagic;
  put(at, crc);
}

}  // namespace

void seal_record(const RecordHeader& header, std::span<std::byte> block) {
  put_header(header, block);
  const uint32_t used = kHeaderOctets + header.payload_octets;
  put_crc(block, crc32c(block.subspan(kCrcEnd, used - kCrcEnd)));
}

void seal_full_record(const RecordHeader& header, std::span<std::byte> block,
                      uint32_t payload_crc) {
  static const Crc32cShift kOverPayload(kPayloadMax);
  ASSERT(header.payload_octets == kPayloadMax);
  put_header(header, block);
  const uint32_t header_crc = crc32c(block.subspan(kCrcEnd, kHeaderOctets - kCrcEnd));
  put_crc(block, kOverPayload(header_crc) ^ payload_crc);
}

std::optional<RecordHeader> read_record(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderOctets) return std::nullopt;
  const std::byte* at = bytes.data();
  if (get<uint32_t>(at) != kMagic) return std::nullopt;
  const auto crc = get<uint32_t>(at);
  RecordHeader header;
  header.epoch = get<uint64_t>(at);
  header.sequence = get<uint64_t>(at);
  header.tail_epoch = get<uint64_t>(at);
  header.message = get<uint64_t>(at);
  header.chunk = get<uint32_t>(at);
  header.payload_octets = get<uint32_t>(at);
  const auto kind = get<uint8_t>(at);
  header.flags = get<uint8_t>(at);
  at += 2;
  header.envelope_octets = get<uint32_t>(at);
  header.content_octets = get<uint64_t>(at);
  if (kind < 1 || kind > 3) return std::nullopt;
  header.kind = static_cast<RecordKind>(kind);
  if (header.payload_octets > kPayloadMax) return std::nullopt;
  if (bytes.size() < kHeaderOctets + header.payload_octets) return std::nullopt;
  const uint32_t covered = kHeaderOctets + header.payload_octets - kCrcEnd;
  if (crc32c(bytes.subspan(kCrcEnd, covered)) != crc) return std::nullopt;
  return header;
}

}  // namespace relais::spool
