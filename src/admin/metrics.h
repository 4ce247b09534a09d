// The figures of one moment as a page in Prometheus' text format. All of a page is from one
// snapshot, so its figures fit together (accepted messages are not ahead of their octets). Counters
// begin at 0 with the process: a server that was killed may have lost its last seconds of counts,
// and a counter that comes back a little lower would look to Prometheus like all of it counted
// anew.
//
// Bounded: a connector has as many lines as there are kinds of refusals, and kTopSources clients;
// an upstream as many as there are causes of failures. docs/metrics.md is printed from the table in
// metrics.cpp. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/core_figures.h"
#include "admin/limit_metrics.h"
#include "admin/pressure_report.h"
#include "admin/process_figures.h"
#include "admin/protocol_log_figures.h"
#include "admin/top_clients.h"
#include "admin/usage_figures.h"
#include "admin/usage_totals.h"
#include "base/clock.h"
#include "tls/handshakes.h"
#include "upstream/figures.h"

namespace relais::admin {

struct Metrics {
  static constexpr size_t kTopSources = 10;

  struct Connector {
    std::string name;  // empty: connections that no connector served
    UsageFigures figures;
    std::vector<TopClients::Place> top;  // the busiest first
  };

  std::string version;
  WallTime gathered;
  uint64_t config_generation = 0;
  bool last_reload_taken = true;
  WallTime last_reload;
  std::vector<Connector> connectors;  // by name
  std::vector<LimitMetrics> limits;
  std::vector<PressureReport::Entry> resources;
  CoreFigures cores;  // their sum
  std::vector<upstream::HostFigures> upstreams{};
  ProtocolLogFigures protocol_log{};
  tls::Handshakes::Figures handshakes{};
};

// Those of `totals`, and with figures of 0 those of `configured` that nobody has used yet and "".
[[nodiscard]] std::vector<Metrics::Connector> connector_metrics(
    const UsageTotals& totals, const std::vector<std::string>& configured);

// `names` as limit_metrics() wants them, with their busiest clients from `connectors`.
[[nodiscard]] std::vector<LimitedConnector> limited_connectors(
    const std::vector<Metrics::Connector>& connectors, const std::vector<std::string>& names);

[[nodiscard]] std::string metrics_text(const Metrics& metrics, const ProcessFigures& process);

// What the server answers /metrics with, as a media type.
inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// The names of all metrics, in the order of the page.
[[nodiscard]] std::vector<std::string_view> metric_names();
// docs/metrics.md.
[[nodiscard]] std::string metrics_markdown();

}  // namespace relais::admin
