// What happened when: a row for each interval of the run, with how many messages were accepted and
// failed in it and how long they took. Memory is bounded: when kRowsMax rows are full, each two
// become one and the interval is twice as long.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"

namespace relais::load {

class Series {
 public:
  static constexpr size_t kRowsMax = 240;
  static constexpr uint32_t kPrecision = 4;  // 6 %: for a plot

  struct Row {
    Histogram latency{kPrecision};  // of messages that were accepted
    uint64_t accepted = 0;
    uint64_t failed = 0;
  };

  // `at`: since the start, never negative.
  void accepted(Duration at, uint64_t latency_ns);
  void failed(Duration at);

  [[nodiscard]] Duration interval() const { return interval_; }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  Row& row_at(Duration at);
  void halve();

  Duration interval_ = milliseconds(100);
  std::vector<Row> rows_;
};

}  // namespace relais::load
