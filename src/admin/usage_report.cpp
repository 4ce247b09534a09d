#include "admin/usage_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "admin/usage_records.h"
#include "admin/when.h"

namespace relais::admin {
namespace {

using policy::AddressRange;

constexpr size_t kNameMin = 24;
constexpr size_t kNameMax = 45;

// One connector: what the configuration says and what was counted; either may be missing.
struct UsageRow {
  std::string name;
  const policy::ReceiveConnector* configured = nullptr;
  const UsageTotals::Connector* counted = nullptr;
};

struct UsedRange {
  AddressRange range;
  const UsageFigures* figures;
  bool configured;
};

const UsageTotals::Connector* counted_of(const UsageTotals& totals, const std::string& name) {
  const auto found = totals.connectors.find(name);
  return found != totals.connectors.end() ? &found->second : nullptr;
}

// In the order of the configuration, then what is no longer in it, then nobody's.
std::vector<UsageRow> rows_of(const UsageView& view) {
  std::vector<UsageRow> rows;
  const auto wanted = [&](const std::string& name) {
    return view.connector.empty() || view.connector == name;
  };
  for (const auto& connector : view.model.receive_connectors) {
    if (wanted(connector.name))
      rows.push_back({connector.name, &connector, counted_of(view.totals, connector.name)});
  }
  const UsageTotals::Connector* nobodys = nullptr;
  for (const auto& [name, counted] : view.totals.connectors) {
    if (name.empty()) nobodys = &counted;
    const bool known =
        std::ranges::any_of(rows, [&](const UsageRow& row) { return row.name == name; });
    if (!name.empty() && !known && wanted(name)) rows.push_back({name, nullptr, &counted});
  }
  if (nobodys != nullptr && view.connector.empty()) rows.push_back({"", nullptr, nobodys});
  return rows;
}

std::vector<AddressRange> sorted_ranges(const policy::ReceiveConnector* connector) {
  std::vector<AddressRange> ranges;
  if (connector != nullptr) ranges = connector->remote_ranges;
  std::ranges::sort(ranges, UsageTotals::InOrder{});
  return ranges;
}

// The busiest first.
std::vector<UsedRange> used_ranges(const UsageRow& row) {
  std::vector<UsedRange> used;
  if (row.counted == nullptr) return used;
  const std::vector<AddressRange> configured = sorted_ranges(row.configured);
  for (const auto& [range, figures] : row.counted->ranges) {
    used.push_back(
        {range, &figures, std::ranges::binary_search(configured, range, UsageTotals::InOrder{})});
  }
  std::ranges::stable_sort(used, [](const UsedRange& a, const UsedRange& b) {
    return std::tuple(a.figures->messages, a.figures->connections, a.figures->last_seen) >
           std::tuple(b.figures->messages, b.figures->connections, b.figures->last_seen);
  });
  return used;
}

std::vector<TopClients::Place> busiest(const UsageTotals::Connector& connector) {
  const auto places = connector.clients.places();
  std::vector<TopClients::Place> clients(places.begin(), places.end());
  std::ranges::stable_sort(clients, [](const TopClients::Place& a, const TopClients::Place& b) {
    return std::tuple(a.messages, a.connections, a.refused) >
           std::tuple(b.messages, b.connections, b.refused);
  });
  return clients;
}

template <class T>
std::span<const T> first(const std::vector<T>& all, size_t count) {
  return std::span(all).first(std::min(count, all.size()));
}
template <class T>
std::span<const T> first(std::vector<T>&& all, size_t count) = delete;  // it would dangle

std::string size_text(uint64_t octets) {
  if (octets < 1024) return fmt::format("{} B", octets);
  double value = static_cast<double>(octets);
  std::string_view units = "KMGTPE";
  value /= 1024;
  while (value >= 1024 && units.size() > 1) {
    value /= 1024;
    units.remove_prefix(1);
  }
  return fmt::format("{:.1f} {}B", value, units.front());
}

// What peers or milters said must not move the cursor.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, '?');
  return text;
}

class Text {
 public:
  explicit Text(const UsageView& view) : view_(view), rows_(rows_of(view)) {
    width_ = kNameMin;
    for (const UsageRow& row : rows_) width_ = std::max(width_, title(row).size());
    width_ = std::min(width_, kNameMax);
  }

  std::string print() {
    line("{}\n\n", usage_age(view_));
    line("{:<{}} {:>5} {:>11} {:>10} {:>10} {:>9} {:>9}  {}\n", "connector, range", width_, "now",
         "connections", "messages", "recipients", "size", "refused", "last seen");
    for (const UsageRow& row : rows_) print(row);
    print_overrides();
    if (view_.pressure != nullptr && view_.connector.empty())
      out_ += '\n' + pressure_text(*view_.pressure, view_.now);
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  static std::string title(const UsageRow& row) {
    if (row.name.empty()) return "(no connector)";
    if (row.configured == nullptr) return row.name + " (removed)";
    return row.configured->enabled ? row.name : row.name + " (disabled)";
  }

  void print_overrides() {
    if (view_.overrides == nullptr) return;
    const std::string text = overrides_text(*view_.overrides, view_.connector, view_.now);
    if (!text.empty()) line("\nlimits that differ from the configuration\n{}", text);
  }

  void print(const std::string& name, const UsageFigures& figures) {
    line("{:<{}} {:>5} {:>11} {:>10} {:>10} {:>9} {:>9}  {}\n", name, width_,
         view_.running ? figures.sessions() : 0, figures.connections, figures.messages,
         figures.recipients, size_text(figures.octets), figures.refused(),
         ago(figures.last_seen, view_.now));
  }

  void print(const UsageRow& row) {
    print(title(row), row.counted != nullptr ? row.counted->sum : UsageFigures{});
    print_ranges(row);
    if (row.counted == nullptr) return;
    print_refusals(*row.counted);
    print_clients(*row.counted);
  }

  void print_ranges(const UsageRow& row) {
    const std::vector<UsedRange> used = used_ranges(row);
    const auto shown = first(used, view_.top);
    for (const UsedRange& range : shown)
      print("  " + range.range.to_string() + (range.configured ? "" : " (removed)"),
            *range.figures);
    if (shown.size() < used.size())
      line("  and {} more ranges that were used\n", used.size() - shown.size());
    if (row.configured == nullptr) return;
    const size_t all = row.configured->remote_ranges.size();
    const auto known = static_cast<size_t>(std::ranges::count(used, true, &UsedRange::configured));
    if (known < all) line("  {} of {} ranges were never used\n", all - known, all);
  }

  void print_refusals(const UsageTotals::Connector& counted) {
    std::string kinds;
    for (size_t i = 0; i < kRefusals; ++i) {
      if (counted.sum.refusals[i] == 0) continue;
      kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", describe(static_cast<Refusal>(i)),
                           counted.sum.refusals[i]);
    }
    if (!kinds.empty()) line("  refused  {}\n", kinds);
    const LastRefusal& last = counted.last_refusal;
    if (last.time.ns != 0) {
      line("  last     {}, {}: {} ({})\n", ago(last.time, view_.now), last.client.to_string(),
           printable(last.reply), printable(last.reason));
    }
  }

  void print_clients(const UsageTotals::Connector& counted) {
    const std::vector<TopClients::Place> clients = busiest(counted);
    const char* label = "  clients";
    for (const TopClients::Place& client : first(clients, view_.top)) {
      line("{:<9}  {:<{}} {:>8} connections {:>8} messages {:>8} refused  {}{}\n", label,
           client.address.to_string(), width_ - 10, client.connections, client.messages,
           client.refused, ago(client.last_seen, view_.now),
           client.inherited != 0 ? "  (at least)" : "");
      label = "";
    }
  }

  const UsageView& view_;
  std::vector<UsageRow> rows_;
  size_t width_ = 0;
  std::string out_;
};

// Every figure, 0 too: a reader of one record should not have to know the others.
void put_all(Json& record, const UsageFigures& figures, bool running) {
  record["sessions"] = running ? figures.sessions() : 0;
  record["connections"] = figures.connections;
  record["messages"] = figures.messages;
  record["recipients"] = figures.recipients;
  record["octets"] = figures.octets;
  record["refused"] = figures.refused();
  record["refusals"] = Json::object();
  record["first_seen"] = nullptr;
  record["last_seen"] = nullptr;
  Json present;
  put_figures(present, figures);
  for (const char* key : {"refusals", "first_seen", "last_seen"}) {
    if (present.contains(key)) record[key] = present[key];
  }
}

Json record_of(const UsageRow& row, const UsageView& view) {
  static const UsageTotals::Connector kNothing{};
  const UsageTotals::Connector& counted = row.counted != nullptr ? *row.counted : kNothing;
  Json record{{"connector", row.name},
              {"configured", row.configured != nullptr},
              {"enabled", row.configured != nullptr && row.configured->enabled}};
  put_all(record, counted.sum, view.running);
  record["last_refusal"] = nullptr;
  if (counted.last_refusal.time.ns != 0) record["last_refusal"] = record_of(counted.last_refusal);
  record["clients"] = Json::array();
  const std::vector<TopClients::Place> clients = busiest(counted);
  for (const TopClients::Place& client : first(clients, view.top)) {
    record["clients"].push_back({{"client", client.address.to_string()},
                                 {"connections", client.connections},
                                 {"messages", client.messages},
                                 {"refused", client.refused},
                                 {"exact", client.inherited == 0},
                                 {"last_seen", iso8601(client.last_seen)}});
  }
  const std::vector<UsedRange> used = used_ranges(row);
  record["ranges_configured"] =
      row.configured != nullptr ? row.configured->remote_ranges.size() : 0;
  record["ranges_used"] = used.size();
  record["ranges"] = Json::array();
  for (const UsedRange& range : first(used, view.top)) {
    Json entry{{"range", range.range.to_string()}, {"configured", range.configured}};
    put_all(entry, *range.figures, view.running);
    record["ranges"].push_back(std::move(entry));
  }
  return record;
}

}  // namespace

std::string usage_age(const UsageView& view) {
  const UsageTotals& totals = view.totals;
  const std::string since = "Counted since " + for_people(totals.counted_since) + ". ";
  if (view.running)
    return since + fmt::format("The server runs (process {}); the figures are at most 5 s old.",
                               totals.pid);
  return since + fmt::format("No server is running here; the figures are of {}.",
                             for_people(totals.updated));
}

std::string usage_text(const UsageView& view) { return Text(view).print(); }

std::string usage_json(const UsageView& view) {
  Json record{{"running", view.running},
              {"counted_since", iso8601(view.totals.counted_since)},
              {"updated", iso8601(view.totals.updated)},
              {"back_pressure", nullptr},
              {"overrides", nullptr},
              {"connectors", Json::array()}};
  if (view.pressure != nullptr) record["back_pressure"] = record_of(*view.pressure);
  if (view.overrides != nullptr)
    record["overrides"] = overrides_record(*view.overrides, view.connector);
  for (const UsageRow& row : rows_of(view)) record["connectors"].push_back(record_of(row, view));
  return to_line(record) + "\n";
}

std::vector<UnusedRange> unused_ranges(const UsageView& view, WallTime since) {
  std::vector<UnusedRange> unused;
  const auto& connectors = view.model.receive_connectors;
  for (uint32_t i = 0; i < connectors.size(); ++i) {
    if (!view.connector.empty() && connectors[i].name != view.connector) continue;
    const UsageTotals::Connector* counted = counted_of(view.totals, connectors[i].name);
    for (uint32_t r = 0; r < connectors[i].remote_ranges.size(); ++r) {
      WallTime last_seen;
      if (counted != nullptr) {
        const auto found = counted->ranges.find(connectors[i].remote_ranges[r]);
        if (found != counted->ranges.end()) last_seen = found->second.last_seen;
        if (found != counted->ranges.end() && view.running && found->second.sessions() > 0)
          last_seen = view.now;  // somebody is there
      }
      if (last_seen.ns == 0 || last_seen < since) unused.push_back({i, r, last_seen});
    }
  }
  return unused;
}

}  // namespace relais::admin
