#include "milter/packet.h"

#include <algorithm>

#include "base/assert.h"

namespace relais::milter {

uint32_t read_number(std::string_view bytes) {
  ASSERT(bytes.size() >= 4);
  uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

void write_number(char* out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *out++ = static_cast<char>(value >> shift);
}

bool take_text(std::string_view& data, std::string_view& text) {
  const size_t end = data.find('\0');
  if (end == std::string_view::npos) return false;
  text = data.substr(0, end);
  data.remove_prefix(end + 1);
  return true;
}

PacketReader::Got PacketReader::take(std::string_view& input, Packet& packet) {
  if (given_) held_.clear();
  given_ = false;
  const auto is_legal = [](uint32_t length) { return length > 0 && length <= kPacketMax; };
  if (held_.empty() && input.size() >= kLengthOctets) {
    const uint32_t length = read_number(input);
    if (!is_legal(length)) return Got::kNonsense;
    if (input.size() - kLengthOctets >= length) {
      packet = {input[kLengthOctets], input.substr(kLengthOctets + 1, length - 1)};
      input.remove_prefix(kLengthOctets + length);
      return Got::kPacket;
    }
  }
  const auto hold_up_to = [&](size_t octets) {
    const size_t taken = std::min(octets - held_.size(), input.size());
    held_.append(input.substr(0, taken));
    input.remove_prefix(taken);
    return held_.size() == octets;
  };
  if (held_.size() < kLengthOctets && !hold_up_to(kLengthOctets)) return Got::kNothing;
  const uint32_t length = read_number(held_);
  if (!is_legal(length)) return Got::kNonsense;
  if (!hold_up_to(kLengthOctets + length)) return Got::kNothing;
  given_ = true;
  packet = {held_[kLengthOctets], std::string_view(held_).substr(kLengthOctets + 1)};
  return Got::kPacket;
}

PacketWriter::PacketWriter(std::string& out, char command) : out_(out), start_(out.size()) {
  out_.append(kLengthOctets, '\0');
  out_ += command;
}

PacketWriter& PacketWriter::number(uint32_t value) {
  char octets[4];
  write_number(octets, value);
  out_.append(octets, sizeof octets);
  return *this;
}

PacketWriter& PacketWriter::octets(std::string_view bytes) {
  out_ += bytes;
  return *this;
}

PacketWriter& PacketWriter::text(std::string_view text) {
  out_ += text.substr(0, text.find('\0'));
  out_ += '\0';
  return *this;
}

PacketWriter& PacketWriter::macro(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  return text(name).text(value);
}

void PacketWriter::close() {
  const size_t length = out_.size() - start_ - kLengthOctets;
  ASSERT(length > 0 && length <= kDataMax + 1);
  write_number(out_.data() + start_, static_cast<uint32_t>(length));
}

}  // namespace relais::milter
