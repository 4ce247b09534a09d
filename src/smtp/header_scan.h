// One look at the header block as it passes, cut anywhere: counts Received fields (hop limit, RFC
// 5321 6.3) and octets. Changes nothing. The header filter of later work takes its place between
// server and sink. The block ends at the first empty line (CRLF at a line start); a message without
// one is all header here, which max_header_size then bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace relais::smtp {

class HeaderScan {
 public:
  void reset() { *this = {}; }
  // Content in wire form. Cheap after the blank line: done() is then true and scan returns at once.
  void scan(std::span<const char> content);
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] uint32_t received_count() const { return received_; }
  // Of the header block, up to here; the empty line included.
  [[nodiscard]] uint64_t octets() const { return octets_; }

 private:
  void octet_of_name(char c);

  bool done_ = false;
  bool matching_ = true;  // the line so far is a beginning of "Received:"
  bool last_was_cr_ = false;
  uint32_t received_ = 0;
  uint32_t column_ = 0;  // octets of this line so far, its CR included; stops counting at 2^32 - 1
  uint64_t octets_ = 0;
};

}  // namespace relais::smtp
