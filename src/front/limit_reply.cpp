#include "front/limit_reply.h"

namespace relais::front {
namespace {

using policy::LimitOrigin;
using policy::Measure;

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
      return kTooManyConnectionsText;
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
    text += policy::period_text(limit.rate.period);
  }
  if (limit.key == policy::LimitKey::kConnector) return text;
  const std::string name = limit.name();
  text += " per ";
  return text += name.substr(name.find('/') + 1);
}

namespace {

// `text` holds the words.
smtp::Reply reply_to(const policy::LimitVerdict& verdict, std::string_view connector,
                     std::string_view id, bool ends, std::string& text) {
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
  const bool closes = ends || verdict.kind == policy::LimitVerdict::Kind::kClose;
  return {static_cast<uint16_t>(closes ? 421 : 451), {4, 7, 1}, text};
}

std::string reason_of(const policy::LimitVerdict& verdict, std::string_view id) {
  const policy::Limit& limit = *verdict.by->limit;
  std::string text = "limit ";
  text += limit.shown_name();
  text += ": ";
  text += std::to_string(verdict.level.used);
  text += '/';
  text += std::to_string(verdict.level.of);
  if (limit.measure != Measure::kConcurrent) {
    text += ", retry in ";
    text += in_seconds(verdict.wait);
    text += " s";
  }
  text += " (id ";
  text += id;
  return text += ')';
}

}  // namespace

LimitRefusal::LimitRefusal(const policy::LimitVerdict& verdict, std::string_view connector,
                           std::string_view id, bool ends)
    : reply(reply_to(verdict, connector, id, ends, text)), reason(reason_of(verdict, id)) {}
}  // namespace relais::front
