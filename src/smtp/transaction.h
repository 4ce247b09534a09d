// One mail transaction's envelope as the client gave it. One value, reset by clear(): RSET, EHLO
// and the end of data all do that (a reset in pieces is how others crashed). Keeps its memory
// between messages, so a session allocates nothing after its first few. The number of recipients is
// bounded by its owner (ServerOptions::max_recipients).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/path.h"

namespace relais::smtp {

enum class BodyType : uint8_t { kUnspecified, k7Bit, k8BitMime };

class Transaction {
 public:
  void clear();
  void set_sender(const Path& path);
  void add_recipient(const Path& path);

  [[nodiscard]] bool has_sender() const { return has_sender_; }
  // Views below are valid until the next change of the transaction.
  [[nodiscard]] std::string_view sender() const;  // empty for <>
  [[nodiscard]] size_t recipient_count() const { return recipients_.size(); }
  [[nodiscard]] std::string_view recipient(size_t index) const;
  [[nodiscard]] std::string_view recipient_domain(size_t index) const;

  BodyType body = BodyType::kUnspecified;  // BODY= of MAIL
  uint64_t declared_size = 0;              // SIZE= of MAIL; 0: not given

 private:
  struct Extent {
    uint32_t offset;
    uint16_t length;
    uint16_t domain_offset;  // from the start of the address
    uint16_t domain_length;  // without a trailing dot; 0 for <> and <Postmaster>
  };
  Extent append(const Path& path);
  [[nodiscard]] std::string_view address(const Extent& extent) const;

  std::string text_;  // sender and recipients, one after the other
  Extent sender_{};
  std::vector<Extent> recipients_;
  bool has_sender_ = false;
};

}  // namespace relais::smtp
