// What a run has seen so far: latencies by step, messages by fate, refusals by step, code and text.
// Nothing that began in the warm-up counts. Limit: kTextsMax different refusals; those beyond it
// count together, by step and code.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "load/series.h"
#include "load/step.h"

namespace relais::load {

enum class Fate : uint8_t {
  kAccepted,  // a positive answer to the content
  kRefused,   // a negative one, to whatever command
  kLost,      // the connection ended first
  kNotBegun,  // it was due, and the run ended first
};
inline constexpr size_t kFates = 4;

struct Refusal {
  Step step;
  uint16_t code;  // 0: no reply; `text` says what happened
  std::string text;
  friend auto operator<=>(const Refusal&, const Refusal&) = default;
};

class Tally {
 public:
  static constexpr size_t kTextsMax = 200;

  explicit Tally(size_t targets) : by_target_(targets) {}

  // What is asked for, or due, before `when` is warm-up.
  void count_from(Instant when) { from_ = when; }
  [[nodiscard]] Instant from() const { return from_; }
  [[nodiscard]] bool counts(Instant asked) const { return asked >= from_; }

  void answered(Step step, Instant asked, Instant now);
  void refused(Step step, uint16_t code, std::string_view text, Instant now);
  // `due`: when it should have begun.
  struct Recipients {
    uint32_t accepted;
    uint32_t asked;
  };
  void accepted(uint32_t target, Instant due, Instant now, uint64_t octets, Recipients recipients);
  void failed(uint32_t target, Fate fate, Instant due, Instant now);
  void not_begun(uint64_t messages) { fates_[index_of(Fate::kNotBegun)] += messages; }
  void connected() { ++connections_; }
  void late(Instant due, Instant begun);

  [[nodiscard]] const Histogram& latency(Step step) const {
    return latencies_[static_cast<size_t>(step)];
  }
  // Open loop: how long messages waited before they began.
  [[nodiscard]] const Histogram& waits() const { return waits_; }
  [[nodiscard]] const Series& series() const { return series_; }
  [[nodiscard]] const std::map<Refusal, uint64_t>& refusals() const { return refusals_; }
  [[nodiscard]] uint64_t messages(Fate fate) const { return fates_[index_of(fate)]; }
  [[nodiscard]] uint64_t failures() const;
  // Failures within the warm-up, which count for nothing but the exit status.
  [[nodiscard]] uint64_t early_failures() const { return early_failures_; }
  [[nodiscard]] uint64_t recipients() const { return recipients_; }
  // Messages that were accepted, but not for all of their recipients.
  [[nodiscard]] uint64_t partial() const { return partial_; }
  [[nodiscard]] uint64_t octets() const { return octets_; }
  // All of them, those of the warm-up as well.
  [[nodiscard]] uint64_t connections() const { return connections_; }
  [[nodiscard]] Instant last() const { return last_; }  // when the last message was decided
  struct OfTarget {
    uint64_t accepted = 0;
    uint64_t failed = 0;
  };
  [[nodiscard]] const std::vector<OfTarget>& by_target() const { return by_target_; }

 private:
  static size_t index_of(Fate fate) { return static_cast<size_t>(fate); }

  Instant from_{};
  Instant last_{};
  std::array<Histogram, kSteps> latencies_;
  Histogram waits_;
  Series series_;
  std::map<Refusal, uint64_t> refusals_;
  std::array<uint64_t, kFates> fates_{};
  std::vector<OfTarget> by_target_;
  uint64_t early_failures_ = 0;
  uint64_t recipients_ = 0;
  uint64_t partial_ = 0;
  uint64_t octets_ = 0;
  uint64_t connections_ = 0;
};

}  // namespace relais::load
