#include "admin/trace_text.h"

#include <fmt/format.h>

#include "admin/json.h"
#include "admin/notices.h"

namespace relais::admin {
namespace {

std::string text_of(const Json& line, const char* key) {
  return line.contains(key) && line[key].is_string() ? line[key].get<std::string>() : std::string();
}

// "10:20:30.123" of "2026-01-31T10:20:30.123Z"
std::string time_of_day(const std::string& time) {
  return time.size() == 24 ? time.substr(11, 12) : time;
}

std::string said(const Json& line, const std::string& event) {
  const std::string data = text_of(line, "data");
  const std::string context = text_of(line, "context");
  if (event == "+") {
    const std::string connector = text_of(line, "connector");
    return fmt::format("{} -> {} {}", text_of(line, "remote"), text_of(line, "local"),
                       connector.empty() ? "no connector" : '"' + connector + '"');
  }
  if (data.empty() || context.empty()) return data + context;
  return fmt::format("{}: {}", context, data);
}

}  // namespace

TraceLine read_trace_line(std::string_view json) {
  using Kind = TraceLine::Kind;
  const Json line = Json::parse(json, nullptr, false);
  if (!line.is_object()) return {};
  if (line.contains("problem")) return {Kind::kProblem, text_of(line, "problem")};
  if (line.contains("trace"))
    return {text_of(line, "trace") == "begins" ? Kind::kBegins : Kind::kEnds, {}};
  if (line.contains("dropped") && line["dropped"].is_number_unsigned()) {
    return {Kind::kDropped, fmt::format("({} not shown: they came faster than they were read)",
                                        plural(line["dropped"].get<size_t>(), "line"))};
  }
  const std::string event = text_of(line, "event");
  if (event.empty()) return {};
  return {event == "-" ? Kind::kEnd : Kind::kLine,
          fmt::format("{} {} {} {}", time_of_day(text_of(line, "time")), text_of(line, "session"),
                      event, said(line, event))};
}

}  // namespace relais::admin
