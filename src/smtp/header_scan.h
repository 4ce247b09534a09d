// One look at the header block as it passes, cut anywhere: counts Received fields (hop limit, RFC 5321 6.3) and
// octets. Changes nothing. The header filter of later work takes its place between server and sink.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace relais::smtp {

class HeaderScan {
 public:
  void reset();
  // Content in wire form. Cheap after the blank line: done() is then true and scan returns at once.
  void scan(std::span<const char> content);
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] uint32_t received_count() const { return received_; }
  [[nodiscard]] uint64_t octets() const { return octets_; }  // of the header block, up to here

 private:
  bool done_ = false;
  uint32_t received_ = 0;
  uint64_t octets_ = 0;
  uint32_t column_ = 0;
  bool matching_ = true;
  bool last_was_cr_ = false;
};

}  // namespace relais::smtp
