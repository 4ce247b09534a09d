// Packets as text, so that a test reads like a dialogue: "M <a@b>|SIZE=5|", NUL shown as |.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "milter/packet.h"

namespace relais::milter::test {

using Lines = std::vector<std::string>;

// What a milter would send: an answer and its data.
inline std::string packet(char answer, std::string_view data = {}) {
  std::string bytes;
  PacketWriter(bytes, answer).octets(data).close();
  return bytes;
}

inline std::string negotiated(uint32_t version, uint32_t wishes, uint32_t actions = 0) {
  std::string bytes;
  PacketWriter(bytes, 'O').number(version).number(actions).number(wishes).close();
  return bytes;
}

// Packets that the client said, one a line; long ones by their length.
inline Lines show(std::string_view bytes) {
  Lines lines;
  PacketReader reader;
  Packet got;
  while (reader.take(bytes, got) == PacketReader::Got::kPacket) {
    std::string line(1, got.command);
    if (!got.data.empty()) line += ' ';
    if (got.data.size() > 1000) {
      line += std::to_string(got.data.size()) + " octets";
    } else {
      for (const char c : got.data) line += c == '\0' ? '|' : c == '\r' ? '<' : c == '\n' ? '>' : c;
    }
    lines.push_back(line);
  }
  if (reader.held() > 0 || !bytes.empty()) lines.push_back("nonsense");
  return lines;
}

}  // namespace relais::milter::test
