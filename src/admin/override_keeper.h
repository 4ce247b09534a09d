// The main thread's part of overriding limits: takes what `relais limit` asks for, knows what is
// overridden and until when, and keeps the book (override_book.h). Time runs on the monotonic
// clock; only what is kept over a restart goes by the time of day, and does not come back after its
// end. An override that cannot stand on the present configuration (its connector is gone) is
// dropped, and that is said. Failure: an override that cannot be written down is not taken.
// Limit: kOverridesMax.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "admin/override_book.h"
#include "base/clock.h"
#include "policy/limits.h"

namespace relais::admin {

class OverrideKeeper {
 public:
  static constexpr size_t kOverridesMax = 256;
  using Connectors = std::vector<policy::ReceiveConnector>;

  struct Clocks {
    Instant now;
    WallTime wall;
  };

  explicit OverrideKeeper(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  // Reads the book: what is to be kept, and has time left, stays.
  void begin(int64_t pid, const Clocks& clocks);
  // Every limit of the connectors of which some are overridden.
  [[nodiscard]] policy::LimitsByConnector apply(const Connectors& connectors);
  // What lies there to be answered. True: others are overridden now, so apply() and then answer().
  // False: it is answered.
  [[nodiscard]] bool take_request(const Connectors& connectors, const Clocks& clocks);
  void answer();
  // What has come to its end. True: apply().
  [[nodiscard]] bool expire(Instant now);
  // Until something does; nothing: nothing is overridden.
  [[nodiscard]] std::optional<Duration> time_left(Instant now) const;

 private:
  struct Live : Override {
    Instant end;
  };
  [[nodiscard]] std::string set(const OverrideRequest& request,
                                const policy::ReceiveConnector& connector, const Clocks& clocks);
  [[nodiscard]] std::string remove(const OverrideRequest& request,
                                   const policy::ReceiveConnector& connector);
  [[nodiscard]] std::vector<Live>::iterator find(std::string_view connector,
                                                 std::string_view limit);
  bool write();

  std::string data_dir_;
  std::vector<Live> overrides_;
  OverrideBook book_;
};

}  // namespace relais::admin
