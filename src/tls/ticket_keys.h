// The keys of session tickets (RFC 5077, RFC 8446 4.6.1), shared by all cores and by the contexts
// before and after a reload; the process owns one object. A key encrypts for `period`, then still
// decrypts for `period` more, and is wiped. They exist in memory only: a restart makes new ones.
//
// Time is an argument: somebody has to call turn() now and then (once a minute is plenty); without
// it the first key stays for ever. Any thread may call anything. The lock is held for the copy of
// one key and taken twice in a handshake, which costs a thousand times as much.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"

namespace relais::tls {

class TicketKeys {
 public:
  static constexpr Duration kPeriod = hours(4);
  static constexpr size_t kNameOctets = 16;

  explicit TicketKeys(Instant now, Duration period = kPeriod);
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // A new key when the newest is older than a period; the end of those older than two.
  void turn(Instant now);

  struct Key {
    std::array<uint8_t, kNameOctets> name{};  // stands in front of the ticket, in the clear
    std::array<uint8_t, 32> cipher{};         // AES-256-CBC
    std::array<uint8_t, 32> mac{};            // HMAC-SHA-256
    Instant made;
  };
  struct Found {
    Key key;
    bool newest = false;
  };
  [[nodiscard]] Key newest() const;
  [[nodiscard]] std::optional<Found> find(std::span<const uint8_t, kNameOctets> name) const;
  // How long a ticket is good at most; never longer than its key.
  [[nodiscard]] Duration period() const { return period_; }
  [[nodiscard]] size_t count() const;

 private:
  const Duration period_;
  mutable std::mutex mutex_;
  std::vector<Key> keys_;  // newest first; never empty
};

}  // namespace relais::tls
