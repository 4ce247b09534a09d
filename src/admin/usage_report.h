// What `relais stats` prints: the counts held against the present configuration. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/override_book.h"
#include "admin/pressure_report.h"
#include "admin/usage_totals.h"
#include "config/model.h"

namespace relais::admin {

struct UsageView {
  const UsageTotals& totals;
  const config::Model& model;
  WallTime now;
  bool running = false;                      // a server counts on
  std::string connector;                     // only this one; empty: all
  const PressureReport* pressure = nullptr;  // of the server that runs; null: not known
  const OverrideBook* overrides = nullptr;   // the same
  size_t top = 10;  // ranges and clients of a connector; the rest is summed up
};
[[nodiscard]] std::string usage_text(const UsageView& view);
[[nodiscard]] std::string usage_json(const UsageView& view);

// A range of the configuration that nobody used since a time.
struct UnusedRange {
  uint32_t connector = 0;  // index into the model's receive_connectors
  uint32_t range = 0;
  WallTime last_seen;  // 0: never
};
[[nodiscard]] std::vector<UnusedRange> unused_ranges(const UsageView& view, WallTime since);

// One line: since when is counted, and how old the figures are.
[[nodiscard]] std::string usage_age(const UsageView& view);

}  // namespace relais::admin
