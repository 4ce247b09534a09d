// Follows the octets of one direction from record to record by their headings: whether one is half
// through, and the explicit nonce of the last one.
//
//   0      1       3      5                13
//   | type | version | length | nonce, where there is one | ...
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace relais::tls {

class RecordWalk {
 public:
  void pass(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t octets = have_ < kHeading ? heading(bytes) : body(bytes);
      bytes.remove_prefix(octets);
    }
  }
  [[nodiscard]] bool is_between() const { return have_ == 0; }
  [[nodiscard]] const std::array<uint8_t, 8>& nonce() const { return nonce_; }

 private:
  static constexpr size_t kHeading = 5;

  size_t heading(std::string_view bytes) {
    heading_[have_++] = static_cast<uint8_t>(bytes.front());
    if (have_ < kHeading) return 1;
    left_ = static_cast<size_t>(heading_[3]) << 8 | heading_[4];
    at_ = 0;
    if (left_ == 0) have_ = 0;
    return 1;
  }
  size_t body(std::string_view bytes) {
    const size_t octets = std::min(left_, bytes.size());
    for (size_t i = 0; i < octets && at_ + i < nonce_.size(); ++i)
      nonce_[at_ + i] = static_cast<uint8_t>(bytes[i]);
    at_ += octets;
    left_ -= octets;
    if (left_ == 0) have_ = 0;
    return octets;
  }

  std::array<uint8_t, kHeading> heading_{};
  std::array<uint8_t, 8> nonce_{};
  size_t have_ = 0;  // octets of the heading; 0: between two records
  size_t left_ = 0;  // of the body
  size_t at_ = 0;    // in the body
};

}  // namespace relais::tls
