#include "admin/override_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "admin/when.h"
#include "config/values.h"
#include "config/write_file.h"

namespace relais::admin {
namespace {

constexpr int kBookVersion = 1;

WallTime time_from(const Json& record) {
  if (record.is_null()) return {};
  return parse_time(record.get<std::string>()).value_or(WallTime{});
}

Json override_record(const Override& entry) {
  return {{"connector", entry.connector},
          {"limit", entry.limit},
          {"value", entry.value},
          {"burst", entry.burst},
          {"was", entry.was},
          {"now", entry.now},
          {"uid", entry.uid},
          {"user", entry.user},
          {"since", time_json(entry.since)},
          {"until", time_json(entry.until)},
          {"keep", entry.keep}};
}

config::LimitOverride wanted_from(const Json& record) {
  return {.connector = record.at("connector").get<std::string>(),
          .limit = record.at("limit").get<std::string>(),
          .value = record.at("value").get<std::string>(),
          .burst = record.at("burst").get<std::string>()};
}

Override override_from(const Json& record) {
  Override entry;
  static_cast<config::LimitOverride&>(entry) = wanted_from(record);
  entry.was = record.at("was").get<std::string>();
  entry.now = record.at("now").get<std::string>();
  entry.uid = record.at("uid").get<int64_t>();
  entry.user = record.at("user").get<std::string>();
  entry.since = time_from(record.at("since"));
  entry.until = time_from(record.at("until"));
  entry.keep = record.at("keep").get<bool>();
  return entry;
}

Json answer_record(const OverrideAnswer& answer) {
  return {{"id", answer.id},
          {"ok", answer.ok},
          {"problem", answer.problem},
          {"connector", answer.connector},
          {"limit", answer.limit},
          {"before", answer.before},
          {"after", answer.after},
          {"was", answer.was},
          {"until", time_json(answer.until)},
          {"keep", answer.keep},
          {"warnings", answer.warnings}};
}

OverrideAnswer answer_from(const Json& record) {
  return {.id = record.at("id").get<std::string>(),
          .ok = record.at("ok").get<bool>(),
          .problem = record.at("problem").get<std::string>(),
          .connector = record.at("connector").get<std::string>(),
          .limit = record.at("limit").get<std::string>(),
          .before = record.at("before").get<std::string>(),
          .after = record.at("after").get<std::string>(),
          .was = record.at("was").get<std::string>(),
          .until = time_from(record.at("until")),
          .keep = record.at("keep").get<bool>(),
          .warnings = record.at("warnings").get<std::vector<std::string>>()};
}

bool is_shown(const Override& entry, std::string_view connector) {
  return connector.empty() || entry.connector == connector;
}

// Of 2 h the seconds do not matter.
std::string time_left(WallTime until, WallTime now) {
  const int64_t left = std::max<int64_t>((until - now).seconds(), 0);
  if (left < 120) return fmt::format("{} s", left);
  if (left < 120 * 60) return fmt::format("{} min", left / 60);
  if (left < 48 * 3600) return fmt::format("{} h {} min", left / 3600, left % 3600 / 60);
  return fmt::format("{} d {} h", left / 86'400, left % 86'400 / 3600);
}

}  // namespace

std::string override_path(const std::string& data_dir) { return data_dir + "/overrides.json"; }
std::string override_request_path(const std::string& data_dir) {
  return data_dir + "/limit-request.json";
}

std::string to_json(const OverrideBook& book) {
  Json record{{"version", kBookVersion}, {"pid", book.pid}, {"overrides", Json::array()}};
  for (const Override& entry : book.overrides)
    record["overrides"].push_back(override_record(entry));
  record["answer"] = answer_record(book.answer);
  return to_line(record) + '\n';
}

std::string to_json(const OverrideRequest& request) {
  return to_line(Json{{"version", kBookVersion},
                      {"id", request.id},
                      {"removes", request.removes},
                      {"connector", request.wanted.connector},
                      {"limit", request.wanted.limit},
                      {"value", request.wanted.value},
                      {"burst", request.wanted.burst},
                      {"time_ms", request.time.ns / milliseconds(1).ns},
                      {"keep", request.keep},
                      {"uid", request.uid},
                      {"user", request.user}}) +
         '\n';
}

std::optional<OverrideBook> override_book_from_json(std::string_view text) {
  try {
    const Json record = Json::parse(text);
    if (record.at("version") != kBookVersion) return std::nullopt;
    OverrideBook book{.pid = record.at("pid").get<int64_t>(),
                      .overrides = {},
                      .answer = answer_from(record.at("answer"))};
    for (const Json& entry : record.at("overrides")) book.overrides.push_back(override_from(entry));
    return book;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<OverrideRequest> override_request_from_json(std::string_view text) {
  try {
    const Json record = Json::parse(text);
    if (record.at("version") != kBookVersion) return std::nullopt;
    return OverrideRequest{.id = record.at("id").get<std::string>(),
                           .removes = record.at("removes").get<bool>(),
                           .wanted = wanted_from(record),
                           .time = milliseconds(record.at("time_ms").get<int64_t>()),
                           .keep = record.at("keep").get<bool>(),
                           .uid = record.at("uid").get<int64_t>(),
                           .user = record.at("user").get<std::string>()};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<OverrideBook> read_overrides(const std::string& data_dir) {
  const auto text = config::read_text(override_path(data_dir));
  return text ? override_book_from_json(*text) : std::nullopt;
}

Json overrides_record(const OverrideBook& book, std::string_view connector) {
  Json record = Json::array();
  for (const Override& entry : book.overrides) {
    if (is_shown(entry, connector)) record.push_back(override_record(entry));
  }
  return record;
}

std::string overrides_text(const OverrideBook& book, std::string_view connector, WallTime now) {
  std::string out;
  for (const Override& entry : book.overrides) {
    if (!is_shown(entry, connector)) continue;
    fmt::format_to(
        std::back_inserter(out),
        "  \"{}\" {}: {}, in the configuration {}; by {} (uid {}) at {}, until {} ({} left){}\n",
        entry.connector, entry.limit, entry.now, entry.was, entry.user.empty() ? "?" : entry.user,
        entry.uid, for_people(entry.since), for_people(entry.until), time_left(entry.until, now),
        entry.keep ? ", over restarts" : "");
  }
  return out;
}

}  // namespace relais::admin
