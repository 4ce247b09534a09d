#include "admin/metrics.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <optional>
#include <sstream>
#include <tuple>

#include "admin/refusals.h"
#include "base/assert.h"

namespace relais::admin {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

enum class Metric : uint8_t {
  kBuildInfo,
  kGathered,
  kGeneration,
  kReloadTaken,
  kReloadTime,
  kSessions,
  kSessionsOpened,
  kMessages,
  kRecipients,
  kOctets,
  kRefusals,
  kTopMessages,
  kTopRefusals,
  kLimited,
  kDelayed,
  kLimitLevel,
  kResourceState,
  kResourceFigure,
  kDelivered,
  kDeferred,
  kFailed,
  kWaiting,
  kInWork,
  kHopConnections,
  kSpooled,
  kSegments,
  kFlushes,
  kFailedFlushes,
  kSessionsMoved,
  kKernelTlsSessions,
  kUpstreamMessages,
  kUpstreamOpened,
  kUpstreamRetries,
  kUpstreamFailures,
  kUpstreamConnections,
  kUpstreamOutstanding,
  kUpstreamLeftAlone,
  kUpstreamShare,
  kProtocolLines,
  kProtocolDropped,
  kHandshakeSteps,
  kHandshakesWaiting,
  kCpu,
  kResident,
  kVirtual,
  kOpenDescriptors,
  kDescriptorsMax,
  kStart,
};

struct MetricRow {
  Metric metric;
  std::string_view name;
  MetricType type;
  std::array<std::string_view, 3> labels;  // empty: none
  std::string_view help;
};

constexpr MetricType kCounter = MetricType::Counter;
constexpr MetricType kGauge = MetricType::Gauge;

constexpr MetricRow kMetricRows[] = {
    {Metric::kBuildInfo,
     "relais_build_info",
     kGauge,
     {"version"},
     "Always 1; which relais this is."},
    {Metric::kGathered,
     "relais_figures_timestamp_seconds",
     kGauge,
     {},
     "When the figures of this page were gathered from the cores: all that happened before is in "
     "them. A busy core gives them once a second, so it is up to about two seconds ago; it stands "
     "still while a reload reads its files."},
    {Metric::kGeneration,
     "relais_config_generation",
     kGauge,
     {},
     "1 at the start, one more with each attempt to reload."},
    {Metric::kReloadTaken,
     "relais_config_last_reload_success",
     kGauge,
     {},
     "1: the last attempt was taken; 0: the configuration before it is still in force."},
    {Metric::kReloadTime,
     "relais_config_last_reload_timestamp_seconds",
     kGauge,
     {},
     "When the last attempt ended, or the start."},
    {Metric::kSessions, "relais_sessions", kGauge, {"connector"}, "Sessions that are open."},
    {Metric::kSessionsOpened,
     "relais_sessions_opened_total",
     kCounter,
     {"connector"},
     "Sessions that the connector took; one that was turned away at the door is a refusal."},
    {Metric::kMessages,
     "relais_messages_accepted_total",
     kCounter,
     {"connector"},
     "Messages that were answered 250, those of a connector with `delivery = \"discard\"` among "
     "them."},
    {Metric::kRecipients,
     "relais_recipients_accepted_total",
     kCounter,
     {"connector"},
     "Recipients of those messages."},
    {Metric::kOctets,
     "relais_octets_accepted_total",
     kCounter,
     {"connector"},
     "Octets of those messages' content, as the clients sent it."},
    {Metric::kRefusals,
     "relais_refusals_total",
     kCounter,
     {"connector", "reason"},
     "Refused commands, messages and connections, by kind."},
    {Metric::kTopMessages,
     "relais_top_source_messages_total",
     kCounter,
     {"connector", "source"},
     "Messages that were accepted from one of the connector's 10 busiest clients, counted since "
     "it is among the 64 that are watched."},
    {Metric::kTopRefusals,
     "relais_top_source_refusals_total",
     kCounter,
     {"connector", "source"},
     "The same client's refusals."},
    {Metric::kLimited,
     "relais_limited_total",
     kCounter,
     {"connector", "limit", "action"},
     "What a limit has done: `delay`, `defer`, `close`, or `shadow` (would have done)."},
    {Metric::kDelayed,
     "relais_delayed_seconds_total",
     kCounter,
     {"connector"},
     "How long limits have made clients wait."},
    {Metric::kLimitLevel,
     "relais_limit_level",
     kGauge,
     {"connector", "limit", "source"},
     "How much of a limit is used up, from 0 to 1; of limits by source for the connector's 10 "
     "busiest clients, of limits by connector with an empty source."},
    {Metric::kResourceState,
     "relais_resource_state",
     kGauge,
     {"resource"},
     "Back pressure: 0 is Normal, 1 Medium, 2 High (docs/limits.md)."},
    {Metric::kResourceFigure,
     "relais_resource_figure",
     kGauge,
     {"resource"},
     "What the state was judged by: percent used, or for `queue` messages."},
    {Metric::kDelivered,
     "relais_recipients_delivered_total",
     kCounter,
     {},
     "Recipients for whom the next hop took the message."},
    {Metric::kDeferred,
     "relais_recipients_deferred_total",
     kCounter,
     {},
     "Attempts for a recipient that failed for now and will be repeated."},
    {Metric::kFailed,
     "relais_recipients_failed_total",
     kCounter,
     {},
     "Recipients that were given up: docs/notifications.md."},
    {Metric::kWaiting,
     "relais_queue_messages",
     kGauge,
     {},
     "Messages that wait for a delivery or for its repetition."},
    {Metric::kInWork, "relais_deliveries", kGauge, {}, "Messages that are being delivered."},
    {Metric::kHopConnections,
     "relais_next_hop_connections",
     kGauge,
     {},
     "Connections to next hops."},
    {Metric::kSpooled,
     "relais_spool_messages",
     kGauge,
     {},
     "Messages in the log of all cores, or on their way in."},
    {Metric::kSegments, "relais_spool_segments", kGauge, {}, "Files of the log of all cores."},
    {Metric::kFlushes,
     "relais_spool_flushes_total",
     kCounter,
     {},
     "Flushes to disk that succeeded; one covers a group of messages."},
    {Metric::kFailedFlushes,
     "relais_spool_failed_flushes_total",
     kCounter,
     {},
     "Writes or flushes that failed: the messages were answered 451. Look at the disk."},
    {Metric::kSessionsMoved,
     "relais_sessions_moved_total",
     kCounter,
     {},
     "Sessions that went on on another core, because theirs was busy or the other had room."},
    {Metric::kKernelTlsSessions,
     "relais_tls_kernel_sessions_total",
     kCounter,
     {},
     "Clients' sessions in TLS whose records the kernel has taken over from OpenSSL."},
    {Metric::kUpstreamMessages,
     "relais_upstream_messages_total",
     kCounter,
     {"upstream"},
     "Messages that the upstream of a connector with `delivery = \"proxy\"` took "
     "(docs/proxy-mode.md)."},
    {Metric::kUpstreamOpened,
     "relais_upstream_connections_opened_total",
     kCounter,
     {"upstream"},
     "Connections to it that were begun."},
    {Metric::kUpstreamRetries,
     "relais_upstream_retries_total",
     kCounter,
     {"upstream"},
     "Messages that began again on another connection or upstream, because this one's was gone."},
    {Metric::kUpstreamFailures,
     "relais_upstream_failures_total",
     kCounter,
     {"upstream", "cause"},
     "Connections to it that were not made, or lost, by cause."},
    {Metric::kUpstreamConnections,
     "relais_upstream_connections",
     kGauge,
     {"upstream"},
     "Connections to it, idle ones among them."},
    {Metric::kUpstreamOutstanding,
     "relais_upstream_outstanding_messages",
     kGauge,
     {"upstream"},
     "Messages that are under way to it."},
    {Metric::kUpstreamLeftAlone,
     "relais_upstream_left_alone_cores",
     kGauge,
     {"upstream"},
     "Cores that leave it alone, because it has failed (the circuit breaker)."},
    {Metric::kUpstreamShare,
     "relais_upstream_share",
     kGauge,
     {"upstream"},
     "How much of its fair share of messages it gets, over all cores that know it: 0 while it is "
     "left alone, less than 1 while it starts slowly, else 1."},
    {Metric::kProtocolLines,
     "relais_protocol_log_lines_total",
     kCounter,
     {},
     "Lines of dialogues that were written to the protocol log."},
    {Metric::kProtocolDropped,
     "relais_protocol_log_dropped_lines_total",
     kCounter,
     {},
     "Lines that were not: the disk is full or too slow, or the folder cannot be written."},
    {Metric::kHandshakeSteps,
     "relais_tls_handshake_steps_total",
     kCounter,
     {},
     "Long steps of clients' handshakes, done on threads of their own: TLS 1.3 has one, TLS 1.2 "
     "two."},
    {Metric::kHandshakesWaiting,
     "relais_tls_handshakes_waiting",
     kGauge,
     {},
     "Handshakes that wait for such a thread."},
    {Metric::kCpu,
     "process_cpu_seconds_total",
     kCounter,
     {},
     "CPU time of the process, user and system."},
    {Metric::kResident,
     "process_resident_memory_bytes",
     kGauge,
     {},
     "Memory of the process that is resident."},
    {Metric::kVirtual,
     "process_virtual_memory_bytes",
     kGauge,
     {},
     "Virtual memory of the process."},
    {Metric::kOpenDescriptors, "process_open_fds", kGauge, {}, "Open file descriptors."},
    {Metric::kDescriptorsMax, "process_max_fds", kGauge, {}, "The limit of open file descriptors."},
    {Metric::kStart,
     "process_start_time_seconds",
     kGauge,
     {},
     "When the process started, in seconds since 1970."},
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(kMetricRows); ++i) {
    if (static_cast<size_t>(kMetricRows[i].metric) != i) return false;
  }
  return true;
}
static_assert(in_order());

class Page {
 public:
  Page() {
    for (const MetricRow& row : kMetricRows) {
      families_.push_back({.name = std::string(row.name),
                           .help = std::string(row.help),
                           .type = row.type,
                           .metric = {}});
    }
  }

  template <class Number>
  void put(Metric metric, Number value, std::initializer_list<std::string_view> labels = {}) {
    const auto index = static_cast<size_t>(metric);
    const MetricRow& row = kMetricRows[index];
    prometheus::ClientMetric sample;
    size_t label = 0;
    for (const std::string_view text : labels) {
      ASSERT(label < row.labels.size() && !row.labels[label].empty());
      sample.label.push_back({std::string(row.labels[label]), std::string(text)});
      ++label;
    }
    ASSERT(label == row.labels.size() || row.labels[label].empty());
    if (row.type == kCounter)
      sample.counter.value = static_cast<double>(value);
    else
      sample.gauge.value = static_cast<double>(value);
    families_[index].metric.push_back(std::move(sample));
  }

  void put(Metric metric, WallTime time) { put(metric, static_cast<double>(time.ns) / 1e9); }
  void put(Metric metric, std::optional<uint64_t> value) {
    if (value) put(metric, *value);
  }

  std::string text() && {
    std::erase_if(families_, [](const MetricFamily& family) { return family.metric.empty(); });
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return std::move(out).str();
  }

 private:
  std::vector<MetricFamily> families_;
};

void put_sources(Page& page, const Metrics::Connector& connector) {
  for (const TopClients::Place& client : connector.top) {
    const std::string source = client.address.to_string();
    if (!connector.name.empty())
      page.put(Metric::kTopMessages, client.messages, {connector.name, source});
    page.put(Metric::kTopRefusals, client.refused, {connector.name, source});
  }
}

// What no connector served has no sessions and no messages, only refusals.
void put_connector(Page& page, const Metrics::Connector& connector) {
  const UsageFigures& figures = connector.figures;
  const std::string_view name = connector.name;
  if (name.empty()) {
    page.put(Metric::kRefusals, figures.refused(), {name, name_of(Refusal::kNoConnector)});
    return put_sources(page, connector);
  }
  page.put(Metric::kSessions, figures.sessions(), {name});
  page.put(Metric::kSessionsOpened, figures.connections, {name});
  page.put(Metric::kMessages, figures.messages, {name});
  page.put(Metric::kRecipients, figures.recipients, {name});
  page.put(Metric::kOctets, figures.octets, {name});
  for (size_t i = 0; i < kRefusals; ++i) {
    const auto refusal = static_cast<Refusal>(i);
    if (refusal != Refusal::kNoConnector)
      page.put(Metric::kRefusals, figures.refusals[i], {name, name_of(refusal)});
  }
  put_sources(page, connector);
}

void put_limits(Page& page, const std::vector<LimitMetrics>& limits) {
  std::map<std::string_view, double> delayed;
  for (const LimitMetrics& limit : limits) {
    for (size_t i = 0; i < LimitMetrics::kActions; ++i) {
      if (limit.own[i] || limit.events[i] != 0) {
        page.put(Metric::kLimited, limit.events[i],
                 {limit.connector, limit.limit, name_of(static_cast<policy::LimitAction>(i))});
      }
    }
    delayed[limit.connector] += limit.delayed_seconds;
    for (const LimitMetrics::Level& level : limit.levels)
      page.put(Metric::kLimitLevel, level.level, {limit.connector, limit.limit, level.source});
  }
  for (const auto& [connector, seconds] : delayed) page.put(Metric::kDelayed, seconds, {connector});
}

void put_resources(Page& page, const std::vector<PressureReport::Entry>& resources) {
  for (const PressureReport::Entry& entry : resources) {
    const std::string_view name = policy::name_of(entry.resource);
    page.put(Metric::kResourceState, static_cast<int>(entry.pressure), {name});
    if (entry.figure) page.put(Metric::kResourceFigure, *entry.figure, {name});
  }
}

void put_cores(Page& page, const CoreFigures& cores) {
  page.put(Metric::kDelivered, cores.delivered);
  page.put(Metric::kDeferred, cores.deferred);
  page.put(Metric::kFailed, cores.failed);
  page.put(Metric::kWaiting, cores.waiting);
  page.put(Metric::kInWork, cores.in_work);
  page.put(Metric::kHopConnections, cores.connections);
  page.put(Metric::kSpooled, cores.spooled);
  page.put(Metric::kSegments, cores.segments);
  page.put(Metric::kFlushes, cores.flushes);
  page.put(Metric::kFailedFlushes, cores.failed_flushes);
  page.put(Metric::kSessionsMoved, cores.sessions_moved);
  page.put(Metric::kKernelTlsSessions, cores.kernel_tls_sessions);
}

void put_upstreams(Page& page, const std::vector<upstream::HostFigures>& upstreams) {
  for (const upstream::HostFigures& host : upstreams) {
    page.put(Metric::kUpstreamMessages, host.messages, {host.name});
    page.put(Metric::kUpstreamOpened, host.opened, {host.name});
    page.put(Metric::kUpstreamRetries, host.retries, {host.name});
    for (size_t i = 0; i < upstream::kFailures; ++i) {
      page.put(Metric::kUpstreamFailures, host.failures[i],
               {host.name, name_of(static_cast<upstream::Failure>(i))});
    }
    page.put(Metric::kUpstreamConnections, host.connections, {host.name});
    page.put(Metric::kUpstreamOutstanding, host.outstanding, {host.name});
    page.put(Metric::kUpstreamLeftAlone, host.left_alone, {host.name});
    const double cores = std::max(1U, host.cores);
    page.put(Metric::kUpstreamShare, static_cast<double>(host.shares) / 100 / cores, {host.name});
  }
}

void put_process(Page& page, const ProcessFigures& process) {
  page.put(Metric::kCpu, process.cpu_seconds);
  page.put(Metric::kResident, process.resident_octets);
  page.put(Metric::kVirtual, process.virtual_octets);
  page.put(Metric::kOpenDescriptors, process.open_descriptors);
  page.put(Metric::kDescriptorsMax, process.descriptors_max);
  if (process.start_seconds != 0) page.put(Metric::kStart, process.start_seconds);
}

std::vector<TopClients::Place> busiest(const TopClients& clients) {
  const auto places = clients.places();
  std::vector<TopClients::Place> top(std::min(places.size(), Metrics::kTopSources));
  std::ranges::partial_sort_copy(places, top,
                                 [](const TopClients::Place& a, const TopClients::Place& b) {
                                   return std::tuple(a.messages, a.connections, a.refused) >
                                          std::tuple(b.messages, b.connections, b.refused);
                                 });
  return top;
}

constexpr std::string_view kHeader = R"(# Metrics

<!-- Printed from the table in src/admin/metrics.cpp. Do not edit: change the table, then run
     RELAIS_UPDATE=1 admin_tests. -->

With

    [admin]
    listen = "127.0.0.1:8025"

in `relais.toml` the server answers HTTP there, on threads that are less urgent than mail:

- `/metrics`: the figures below in Prometheus' text format (0.0.4).
- `/healthz`: `200 ok` while mail is taken, `503 draining` after the order to stop, `503 starting`
  before the first core serves. For load balancers and process managers.

Everything else is `404`. There is no password and no encryption: on an address that other machines
reach, `relais check` warns. An address that cannot be had is an error at the start. A change
of `[admin]` takes effect at the next start.

In Prometheus:

    scrape_configs:
      - job_name: relais
        static_configs:
          - targets: ["127.0.0.1:8025"]

The figures are gathered from the cores once a second, from each at a moment of its own, and
`relais_figures_timestamp_seconds` is the oldest of these; those of limits are read where they are
counted, so they may be up to two seconds ahead of the others.
Counters begin at 0 with the process; `relais stats` has the counts of all its lives. Connectors of
the configuration are there from the start, with 0; one that was removed stays until the next start.
`connector=""` stands for connections that no connector serves. At most 10 clients a connector are
named; who moves in and out of these 10 has gaps in its series, and the counts of one that comes
back after it left the 64 that are watched begin at 0. A limit is known by what it counts
(`messages/source`) or by Exchange's parameter (`message_rate_limit`), as docs/limits.md has them;
the server's own stands under `connector=""`.

| Metric | Type | Labels | Meaning |
|---|---|---|---|
)";

}  // namespace

std::vector<Metrics::Connector> connector_metrics(const UsageTotals& totals,
                                                  const std::vector<std::string>& configured) {
  std::vector<Metrics::Connector> all;
  for (const auto& [name, connector] : totals.connectors)
    all.push_back({name, connector.sum, busiest(connector.clients)});
  const auto add_unused = [&](const std::string& name) {
    if (!totals.connectors.contains(name)) all.push_back({name, {}, {}});
  };
  add_unused({});
  for (const std::string& name : configured) add_unused(name);
  std::ranges::sort(all, {}, &Metrics::Connector::name);
  return all;
}

std::vector<LimitedConnector> limited_connectors(const std::vector<Metrics::Connector>& connectors,
                                                 const std::vector<std::string>& names) {
  std::vector<LimitedConnector> all;
  for (const std::string& name : names) {
    LimitedConnector& limited = all.emplace_back(LimitedConnector{name, {}});
    const auto found = std::ranges::lower_bound(connectors, name, {}, &Metrics::Connector::name);
    if (found == connectors.end() || found->name != name) continue;
    for (const TopClients::Place& client : found->top) limited.sources.push_back(client.address);
  }
  return all;
}

std::string metrics_text(const Metrics& metrics, const ProcessFigures& process) {
  Page page;
  page.put(Metric::kBuildInfo, 1, {metrics.version});
  page.put(Metric::kGathered, metrics.gathered);
  page.put(Metric::kGeneration, metrics.config_generation);
  page.put(Metric::kReloadTaken, metrics.last_reload_taken ? 1 : 0);
  page.put(Metric::kReloadTime, metrics.last_reload);
  for (const Metrics::Connector& connector : metrics.connectors) put_connector(page, connector);
  put_limits(page, metrics.limits);
  put_resources(page, metrics.resources);
  put_cores(page, metrics.cores);
  put_upstreams(page, metrics.upstreams);
  page.put(Metric::kProtocolLines, metrics.protocol_log.lines);
  page.put(Metric::kProtocolDropped, metrics.protocol_log.dropped);
  page.put(Metric::kHandshakeSteps, metrics.handshakes.steps);
  page.put(Metric::kHandshakesWaiting, metrics.handshakes.waiting);
  put_process(page, process);
  return std::move(page).text();
}

std::vector<std::string_view> metric_names() {
  std::vector<std::string_view> names;
  for (const MetricRow& row : kMetricRows) names.push_back(row.name);
  return names;
}

std::string metrics_markdown() {
  std::string out(kHeader);
  for (const MetricRow& row : kMetricRows) {
    std::string labels;
    for (const std::string_view label : row.labels) {
      if (!label.empty()) labels += fmt::format("{}`{}`", labels.empty() ? "" : ", ", label);
    }
    out += fmt::format("| `{}` | {} | {} | {} |\n", row.name,
                       row.type == kCounter ? "counter" : "gauge", labels, row.help);
  }
  out += "\nReasons of refusals:\n\n| reason | meaning |\n|---|---|\n";
  for (size_t i = 0; i < kRefusals; ++i) {
    const auto refusal = static_cast<Refusal>(i);
    out += fmt::format("| `{}` | {} |\n", name_of(refusal), describe(refusal));
  }
  out += "\nCauses of upstreams' failures:\n\n| cause | meaning |\n|---|---|\n";
  for (size_t i = 0; i < upstream::kFailures; ++i) {
    const auto failure = static_cast<upstream::Failure>(i);
    out += fmt::format("| `{}` | {} |\n", name_of(failure), describe(failure));
  }
  return out;
}

}  // namespace relais::admin
