#include "load/series.h"

#include "base/assert.h"

namespace relais::load {

void Series::accepted(Duration at, uint64_t latency_ns) {
  Row& row = row_at(at);
  ++row.accepted;
  row.latency.record(latency_ns);
}

void Series::failed(Duration at) { ++row_at(at).failed; }

Series::Row& Series::row_at(Duration at) {
  ASSERT(at.ns >= 0);
  auto index = static_cast<size_t>(at.ns / interval_.ns);
  while (index >= kRowsMax) {
    halve();
    index = static_cast<size_t>(at.ns / interval_.ns);
  }
  if (index >= rows_.size()) rows_.resize(index + 1);
  return rows_[index];
}

void Series::halve() {
  interval_ = interval_ * 2;
  for (size_t i = 0; i < rows_.size(); ++i) {
    Row& into = rows_[i / 2];
    if (i % 2 == 0) {
      if (i != 0) into = std::move(rows_[i]);
      continue;
    }
    into.latency.add(rows_[i].latency);
    into.accepted += rows_[i].accepted;
    into.failed += rows_[i].failed;
  }
  rows_.resize((rows_.size() + 1) / 2);
}

}  // namespace relais::load
