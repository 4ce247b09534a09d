#include "base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/assert.h"

namespace relais {

// Values below 2^(precision + 1) have a part of their own; from there on each power of two has
// 2^precision parts.
uint32_t Histogram::index_of(uint64_t value) const {
  const auto width = static_cast<uint32_t>(std::bit_width(value));
  if (width <= precision_ + 1) return static_cast<uint32_t>(value);
  const uint32_t shift = width - precision_ - 1;
  return (shift << precision_) + static_cast<uint32_t>(value >> shift);
}

uint64_t Histogram::last_of(uint32_t index) const {
  if (index < (2U << precision_)) return index;
  const uint32_t shift = (index >> precision_) - 1;
  const uint64_t part = index - (shift << precision_);
  return ((part + 1) << shift) - 1;
}

Histogram::Histogram(uint32_t precision) : precision_(precision) {
  ASSERT(precision >= 1 && precision <= 16);
  counts_.resize(index_of(kValueMax) + 1);
}

void Histogram::add(const Histogram& other) {
  ASSERT(other.precision_ == precision_);
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  minimum_ = std::min(minimum_, other.minimum_);
  maximum_ = std::max(maximum_, other.maximum_);
}

void Histogram::reset() {
  std::ranges::fill(counts_, 0);
  count_ = sum_ = maximum_ = 0;
  minimum_ = UINT64_MAX;
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

uint64_t Histogram::percentile(double share) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<uint64_t>(1, static_cast<uint64_t>(wanted));
  if (rank >= count_) return maximum_;
  uint64_t seen = 0;
  for (uint32_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(last_of(i), maximum_);
  }
  return maximum_;
}

}  // namespace relais
