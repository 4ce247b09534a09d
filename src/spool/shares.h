// Whose mail a core's spool holds: the Receive connectors by number, the weight with which their
// mail shares a next hop, and what of a resource (disk, memory) is reserved for them. Pure.
//
// Connectors that configurations of the past had keep their number, since their mail may still be
// here. Limit: 65,535 names; mail of more counts as that of nobody (number 0), who has no
// reservation.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relais::spool {

using ConnectorNumber = uint16_t;
inline constexpr ConnectorNumber kNobody = 0;
inline constexpr uint32_t kDefaultWeight = 100;

struct Share {
  std::string_view connector;
  uint32_t weight = kDefaultWeight;
  uint32_t reserved_percent = 0;
};

class Connectors {
 public:
  Connectors() { weights_.push_back(kDefaultWeight); }
  [[nodiscard]] ConnectorNumber find(std::string_view name) const;
  // Gives it a number if it has none.
  ConnectorNumber number_of(std::string_view name);
  [[nodiscard]] uint32_t weight(ConnectorNumber number) const { return weights_[number]; }
  // Numbers that were given, kNobody included.
  [[nodiscard]] size_t count() const { return weights_.size(); }
  // Those that are not listed have the default.
  void set_weights(std::span<const Share> shares);

 private:
  std::map<std::string, ConnectorNumber, std::less<>> numbers_;
  std::vector<uint32_t> weights_;  // by number
};

// Who uses how much of one resource, and how much of it only they may use.
class Reserve {
 public:
  // Replaces all reservations; what is in use stays counted.
  void set(std::span<const Share> shares, const Connectors& connectors, uint64_t total);
  void take(ConnectorNumber number, uint64_t amount);
  void give(ConnectorNumber number, uint64_t amount);

  // What must stay free when this connector takes some: all that others have reserved and do not
  // use.
  [[nodiscard]] uint64_t kept_from(ConnectorNumber number) const;
  // It stays within its own reservation when it takes so much more.
  [[nodiscard]] bool covers(ConnectorNumber number, uint64_t amount) const;
  [[nodiscard]] uint64_t reserved() const { return reserved_; }
  [[nodiscard]] uint64_t used(ConnectorNumber number) const {
    return number < uses_.size() ? uses_[number].used : 0;
  }

 private:
  struct Use {
    uint64_t used = 0;
    uint64_t reserved = 0;
    [[nodiscard]] uint64_t unused() const { return reserved > used ? reserved - used : 0; }
  };
  Use& use(ConnectorNumber number);

  std::vector<Use> uses_;  // by number
  uint64_t reserved_ = 0;
  uint64_t unused_ = 0;  // of all reservations
};

}  // namespace relais::spool
