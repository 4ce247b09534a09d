#include "admin/usage_json.h"

#include <stdexcept>

#include "admin/usage_records.h"
#include "admin/when.h"

namespace relais::admin {
namespace {

constexpr int kVersion = 1;

void put(Json& record, const char* key, uint64_t value) {
  if (value != 0) record[key] = value;
}

void put(Json& record, const char* key, WallTime value) {
  if (value.ns != 0) record[key] = iso8601(value);
}

uint64_t number(const Json& record, const char* key) {
  const auto found = record.find(key);
  if (found == record.end()) return 0;
  if (!found->is_number_unsigned()) throw std::runtime_error(std::string(key) + " is no count");
  return found->get<uint64_t>();
}

std::string text(const Json& record, const char* key) {
  return record.contains(key) ? record[key].get<std::string>() : std::string();
}

WallTime time(const Json& record, const char* key) {
  if (!record.contains(key)) return {};
  const auto value = parse_time(record[key].get<std::string>());
  if (!value) throw std::runtime_error(std::string(key) + " is no time");
  return *value;
}

IpAddress address(const Json& record) {
  const auto value = IpAddress::parse(record.at("client").get<std::string>());
  if (!value) throw std::runtime_error("client is no address");
  return *value;
}

UsageFigures figures(const Json& record) {
  UsageFigures figures;
  figures.connections = number(record, "connections");
  const uint64_t sessions = number(record, "sessions");
  if (sessions > figures.connections) throw std::runtime_error("more sessions than connections");
  figures.ended = figures.connections - sessions;
  figures.messages = number(record, "messages");
  figures.recipients = number(record, "recipients");
  figures.octets = number(record, "octets");
  if (record.contains("refusals")) {
    for (const auto& [name, count] : record["refusals"].items()) {
      // A kind that a later version knows is left out.
      if (const auto refusal = refusal_of(name))
        figures.refusals[static_cast<size_t>(*refusal)] = count.get<uint64_t>();
    }
  }
  figures.first_seen = time(record, "first_seen");
  figures.last_seen = time(record, "last_seen");
  return figures;
}

void read_clients(const Json& record, TopClients& clients) {
  if (!record.contains("clients")) return;
  for (const Json& client : record["clients"]) {
    TopClients::Place& place = clients.at(address(client));
    place.connections = number(client, "connections");
    place.messages = number(client, "messages");
    place.refused = number(client, "refused");
    place.inherited = number(client, "inherited");
    place.last_seen = time(client, "last_seen");
  }
}

void read_connector(const Json& record, UsageTotals::Connector& connector) {
  connector.sum = figures(record);
  read_clients(record, connector.clients);
  if (!record.contains("last_refusal")) return;
  const Json& last = record["last_refusal"];
  connector.last_refusal = {.time = time(last, "time"),
                            .client = address(last),
                            .reply = text(last, "reply"),
                            .reason = text(last, "reason")};
}

void read_record(const Json& record, UsageTotals& totals) {
  UsageTotals::Connector& connector = totals.connectors[record.at("connector").get<std::string>()];
  if (!record.contains("range")) return read_connector(record, connector);
  const auto range = policy::AddressRange::parse(record["range"].get<std::string>());
  if (!range) throw std::runtime_error("range is no address range");
  connector.ranges[*range] = figures(record);
}

void append_lines(std::string& out, const Json& record, bool& first) {
  out += first ? "\n" : ",\n";
  first = false;
  out += to_line(record);
}

}  // namespace

void put_figures(Json& record, const UsageFigures& figures) {
  put(record, "sessions", figures.sessions());
  put(record, "connections", figures.connections);
  put(record, "messages", figures.messages);
  put(record, "recipients", figures.recipients);
  put(record, "octets", figures.octets);
  for (size_t i = 0; i < kRefusals; ++i) {
    const std::string name(name_of(static_cast<Refusal>(i)));
    if (figures.refusals[i] != 0) record["refusals"][name] = figures.refusals[i];
  }
  put(record, "first_seen", figures.first_seen);
  put(record, "last_seen", figures.last_seen);
}

Json record_of(const TopClients::Place& client) {
  Json record{{"client", client.address.to_string()}};
  put(record, "connections", client.connections);
  put(record, "messages", client.messages);
  put(record, "refused", client.refused);
  put(record, "inherited", client.inherited);
  put(record, "last_seen", client.last_seen);
  return record;
}

Json record_of(const LastRefusal& refusal) {
  return {{"time", iso8601(refusal.time)},
          {"client", refusal.client.to_string()},
          {"reply", refusal.reply},
          {"reason", refusal.reason}};
}

std::string to_json(const UsageTotals& totals) {
  std::string out;
  Json head{{"version", kVersion},
            {"counted_since", iso8601(totals.counted_since)},
            {"updated", iso8601(totals.updated)},
            {"pid", totals.pid}};
  out = to_line(head);
  out.back() = ',';
  out += "\n\"connectors\":[";
  bool first = true;
  for (const auto& [name, connector] : totals.connectors) {
    Json record{{"connector", name}};
    put_figures(record, connector.sum);
    if (connector.last_refusal.time.ns != 0)
      record["last_refusal"] = record_of(connector.last_refusal);
    for (const TopClients::Place& client : connector.clients.places())
      record["clients"].push_back(record_of(client));
    append_lines(out, record, first);
  }
  out += "],\n\"ranges\":[";
  first = true;
  for (const auto& [name, connector] : totals.connectors) {
    for (const auto& [range, figures] : connector.ranges) {
      Json record{{"connector", name}, {"range", range.to_string()}};
      put_figures(record, figures);
      append_lines(out, record, first);
    }
  }
  out += "]}\n";
  return out;
}

std::expected<UsageTotals, std::string> usage_from_json(std::string_view text) {
  UsageTotals totals;
  try {
    // Json by record (an object inside one of the two lists), so that a million of them do not
    // become one tree.
    const auto take_record = [&totals](int depth, Json::parse_event_t event, Json& parsed) {
      if (event != Json::parse_event_t::object_end || depth != 2) return true;
      read_record(parsed, totals);
      return false;
    };
    const Json head = Json::parse(text, take_record);
    if (head.at("version") != kVersion) return std::unexpected("its version is not 1");
    totals.counted_since = time(head, "counted_since");
    totals.updated = time(head, "updated");
    totals.pid = head.at("pid").get<int64_t>();
  } catch (const std::exception&) {
    return std::unexpected("damaged");
  }
  return totals;
}

}  // namespace relais::admin
