// One mail transaction's envelope as the client gave it. One value, reset by clear(): RSET, EHLO
// and the end of data all do that (a reset in pieces is how others crashed). Keeps its memory
// between messages, so a session allocates nothing after its first few. The number of recipients is
// bounded by its owner (ServerOptions::max_recipients).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/dsn.h"
#include "smtp/path.h"

namespace relais::smtp {

enum class BodyType : uint8_t { kUnspecified, k7Bit, k8BitMime, kBinaryMime };

class Transaction {
 public:
  void clear();
  void set_sender(const Path& path, std::string_view envid = {});
  void add_recipient(const Path& path, const RecipientDsn& dsn = {});

  [[nodiscard]] bool has_sender() const { return has_sender_; }
  // Views below are valid until the next change of the transaction.
  [[nodiscard]] std::string_view sender() const;  // empty for <>
  [[nodiscard]] size_t recipient_count() const { return recipients_.size(); }
  [[nodiscard]] std::string_view recipient(size_t index) const;
  [[nodiscard]] std::string_view recipient_domain(size_t index) const;
  [[nodiscard]] std::string_view envid() const;  // as sent; empty: none
  [[nodiscard]] RecipientDsn recipient_dsn(size_t index) const;
  // Something was said about notifications.
  [[nodiscard]] bool has_dsn() const { return has_dsn_ || ret != DsnReturn::kUnspecified; }

  bool utf8 = false;                        // SMTPUTF8 of MAIL
  bool require_tls = false;                 // REQUIRETLS of MAIL
  DsnReturn ret = DsnReturn::kUnspecified;  // RET= of MAIL
  BodyType body = BodyType::kUnspecified;   // BODY= of MAIL
  uint64_t declared_size = 0;               // SIZE= of MAIL; 0: not given

 private:
  struct Extent {
    uint32_t offset;
    uint16_t length;
    uint16_t domain_offset;   // from the start of the address
    uint16_t domain_length;   // without a trailing dot; 0 for <> and <Postmaster>
    uint16_t dsn_length = 0;  // of ENVID or ORCPT, behind the address
    uint8_t notify = 0;
  };
  Extent append(const Path& path, std::string_view dsn);
  [[nodiscard]] std::string_view address(const Extent& extent) const;
  [[nodiscard]] std::string_view behind(const Extent& extent) const;

  std::string text_;  // sender and recipients, each with its ENVID or ORCPT behind it
  Extent sender_{};
  std::vector<Extent> recipients_;
  bool has_sender_ = false;
  bool has_dsn_ = false;
};

}  // namespace relais::smtp
