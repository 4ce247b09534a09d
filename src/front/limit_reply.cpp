#include "front/limit_reply.h"

namespace relais::front {
namespace {

using policy::LimitOrigin;
using policy::Measure;

std::string_view unit_of(const policy::Rate& rate) {
  if (rate.period == seconds(1)) return "s";
  if (rate.period == minutes(1)) return "min";
  if (rate.period == hours(1)) return "h";
  if (rate.period == hours(24)) return "d";
  return {};
}

// Whole seconds, rounded up: whoever comes back then is served.
std::string in_seconds(Duration wait) {
  return std::to_string((wait.ns + seconds(1).ns - 1) / seconds(1).ns);
}

// Names may hold anything, reply lines printable ASCII.
void append_name(std::string& text, std::string_view name) {
  for (const char c : name) text += c >= ' ' && c <= '~' && c != '"' ? c : '?';
}

std::string_view exchange_text(LimitOrigin origin) {
  switch (origin) {
    case LimitOrigin::kLimit:
      return {};
    case LimitOrigin::kMessageRate:
      return "Message submission rate for this client has exceeded the configured limit";
    case LimitOrigin::kMaxInbound:
      return "The maximum number of concurrent connections has exceeded a limit, closing "
             "transmission channel";
    case LimitOrigin::kMaxPerSource:
    case LimitOrigin::kPercentPerSource:
      return "The maximum number of concurrent server connections has exceeded a per-source limit, "
             "closing transmission channel";
    case LimitOrigin::kConnectionRate:
      return "Too many connections a minute, closing transmission channel";
  }
  return {};
}

}  // namespace

std::string describe(const policy::Limit& limit) {
  std::string text(name_of(limit.measure));
  if (limit.measure != Measure::kConcurrent) {
    text += '/';
    const std::string_view unit = unit_of(limit.rate);
    if (unit.empty()) {
      text += std::to_string(limit.rate.period.seconds());
      text += 's';
    } else {
      text += unit;
    }
  }
  if (limit.key == policy::LimitKey::kConnector) return text;
  const std::string name = limit.name();
  text += " per ";
  return text += name.substr(name.find('/') + 1);
}

smtp::Reply limit_reply(const policy::LimitVerdict& verdict, std::string_view connector,
                        std::string_view id, bool at_connect, std::string& text) {
  const policy::Limit& limit = *verdict.by->limit;
  if (const std::string_view words = exchange_text(limit.origin); !words.empty()) {
    text = words;
    if (limit.origin == LimitOrigin::kMessageRate) return {421, {4, 4, 2}, text};
    return {421, {4, 3, 2}, text};
  }
  text = "connector=\"";
  append_name(text, connector);
  text += "\" limit=";
  text += describe(limit);
  text += ' ';
  text += std::to_string(verdict.level.used);
  text += '/';
  text += std::to_string(verdict.level.of);
  if (limit.measure != Measure::kConcurrent) {
    text += " retry in ";
    text += in_seconds(verdict.wait);
    text += 's';
  }
  text += " (id ";
  text += id;
  text += ')';
  const bool closes = at_connect || verdict.kind == policy::LimitVerdict::Kind::kClose;
  return {static_cast<uint16_t>(closes ? 421 : 451), {4, 7, 1}, text};
}

std::string limit_reason(const policy::LiveLimit& live, const policy::LimitLevel& level,
                         Duration wait, std::string_view id) {
  std::string text = "limit ";
  const std::string_view parameter = policy::parameter_of(live.limit->origin);
  text += parameter.empty() ? live.limit->name() : std::string(parameter);
  text += ": ";
  text += std::to_string(level.used);
  text += '/';
  text += std::to_string(level.of);
  if (live.limit->measure != Measure::kConcurrent) {
    text += ", retry in ";
    text += in_seconds(wait);
    text += " s";
  }
  text += " (id ";
  text += id;
  return text += ')';
}

}  // namespace relais::front
