// A ClientEnvelope with its own memory.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "smtp/client.h"

namespace relais::smtp::test {

class TestEnvelope : public ClientEnvelope {
 public:
  TestEnvelope(std::string sender, std::vector<std::string> recipients, uint64_t size = 0,
               bool eight_bit = false)
      : sender_(std::move(sender)),
        recipients_(std::move(recipients)),
        size_(size),
        eight_bit_(eight_bit) {}
  [[nodiscard]] std::string_view sender() const override { return sender_; }
  [[nodiscard]] uint32_t recipient_count() const override {
    return static_cast<uint32_t>(recipients_.size());
  }
  [[nodiscard]] std::string_view recipient(uint32_t index) const override {
    return recipients_.at(index);
  }
  [[nodiscard]] uint64_t size() const override { return size_; }
  [[nodiscard]] bool eight_bit() const override { return eight_bit_; }

 private:
  std::string sender_;
  std::vector<std::string> recipients_;
  uint64_t size_;
  bool eight_bit_;
};

}  // namespace relais::smtp::test
