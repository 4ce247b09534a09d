// How often which value was seen, log-linear: each power of two is cut into 2^precision parts, so a
// value is known to one part in 2^precision of itself (7: better than 0.8 %). Recording is a few
// instructions and never allocates. For latencies in nanoseconds; values above kValueMax (about 18
// minutes) count as that, but maximum() is exact.
#pragma once

#include <cstdint>
#include <vector>

namespace relais {

class Histogram {
 public:
  static constexpr uint64_t kValueMax = (uint64_t{1} << 40) - 1;

  explicit Histogram(uint32_t precision = 7);

  void record(uint64_t value) {
    ++counts_[index_of(value < kValueMax ? value : kValueMax)];
    ++count_;
    sum_ += value;
    if (value > maximum_) maximum_ = value;
    if (value < minimum_) minimum_ = value;
  }
  // Of the same precision.
  void add(const Histogram& other);
  void reset();

  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] uint64_t minimum() const { return count_ == 0 ? 0 : minimum_; }
  [[nodiscard]] uint64_t maximum() const { return maximum_; }
  [[nodiscard]] double mean() const;
  // The least value that `share` (0 to 1) of all are not above, rounded up within its part: p99 is
  // percentile(0.99). 0 when nothing was recorded.
  [[nodiscard]] uint64_t percentile(double share) const;

 private:
  [[nodiscard]] uint32_t index_of(uint64_t value) const;
  [[nodiscard]] uint64_t last_of(uint32_t index) const;  // the largest value that counts there

  uint32_t precision_;
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t minimum_ = UINT64_MAX;
  uint64_t maximum_ = 0;
};

}  // namespace relais
