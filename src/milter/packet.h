// Milter packets: 4 octets of length in network order, then that many octets, of which the first
// is the command (or answer) and the rest its data.
//
//    0        4         5
//   +--------+---------+------------------+
//   | length | command | length - 1 octets |
//   +--------+---------+------------------+
//
// The reader gives whole packets as views into what was fed; only a packet cut by a read is
// copied. Failure: a length of 0 or above kPacketMax is nonsense, and stays so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace relais::milter {

inline constexpr size_t kLengthOctets = 4;
inline constexpr size_t kPacketMax = size_t{1} << 20;  // length of one that we read
// libmilter refuses more from us (MILTER_CHUNK_SIZE).
inline constexpr size_t kDataMax = 65'535;

struct Packet {
  char command = 0;
  std::string_view data;
};

class PacketReader {
 public:
  enum class Got : uint8_t { kNothing, kPacket, kNonsense };
  // Takes octets from the front of `input`; `packet` is valid until the next call.
  [[nodiscard]] Got take(std::string_view& input, Packet& packet);
  [[nodiscard]] size_t held() const { return held_.size(); }

 private:
  std::string held_;  // the beginning of a packet
  bool given_ = false;
};

// Appends a packet piece by piece; the length is filled in by close(). Nothing else may be
// appended to `out` meanwhile.
class PacketWriter {
 public:
  PacketWriter(std::string& out, char command);
  PacketWriter& number(uint32_t value);
  PacketWriter& octets(std::string_view bytes);
  PacketWriter& text(std::string_view text);  // and a NUL; NULs inside end it
  // A name and its value; left out when the value is empty.
  PacketWriter& macro(std::string_view name, std::string_view value);
  void close();

 private:
  std::string& out_;
  size_t start_;
};

[[nodiscard]] uint32_t read_number(std::string_view four_octets);
void write_number(char* four_octets, uint32_t value);
// Takes the text up to a NUL off the front of `data`. False: there is no NUL.
[[nodiscard]] bool take_text(std::string_view& data, std::string_view& text);

}  // namespace relais::milter
