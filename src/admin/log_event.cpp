#include "admin/log_event.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "admin/when.h"

namespace relais::admin {
namespace {

using nlohmann::json;

// Keys that matter, in one look at the first letters that differ.
enum class Field : uint8_t {
  kNone,
  kTime,
  kEvent,
  kConnector,
  kClient,
  kLocal,
  kSessionMs,
  kFrom,
  kTo,
  kSize,
  kMs,
  kCommand,
  kReply,
  kReason,
  kLimit,
  kAction,
};

Field field_of(std::string_view key) {
  struct Row {
    std::string_view key;
    Field field;
  };
  static constexpr Row kRows[] = {
      {"time", Field::kTime},     {"event", Field::kEvent}, {"connector", Field::kConnector},
      {"client", Field::kClient}, {"local", Field::kLocal}, {"session_ms", Field::kSessionMs},
      {"from", Field::kFrom},     {"to", Field::kTo},       {"size", Field::kSize},
      {"ms", Field::kMs},         {"reply", Field::kReply}, {"command", Field::kCommand},
      {"reason", Field::kReason}, {"limit", Field::kLimit}, {"action", Field::kAction},
  };
  for (const Row& row : kRows) {
    if (row.key == key) return row.field;
  }
  return Field::kNone;
}

// Takes the fields as they come: no tree is built.
class LogLine {
 public:
  LogLine(LogEvent& event, std::string& problem) : event_(event), problem_(problem) {}

  // ---- what nlohmann's parser calls (its interface json_sax)
  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(json::number_integer_t) { return true; }
  bool number_unsigned(json::number_unsigned_t number) {
    if (depth_ == 1 && field_ == Field::kSize) event_.size = number;
    return number_float(static_cast<double>(number), {});
  }
  bool number_float(json::number_float_t number, const json::string_t&) {
    constexpr double kMsMax = 1e12;
    if (depth_ != 1 || !(number >= 0 && number < kMsMax)) return true;
    const Duration time{std::llround(number * 1e6)};
    if (field_ == Field::kMs) event_.since_mail = time;
    if (field_ == Field::kSessionMs) event_.session_age = time;
    return true;
  }
  bool binary(json::binary_t&) { return true; }
  bool string(json::string_t& text) {
    if (depth_ == 2 && in_array_ && field_ == Field::kTo) add_recipient(text);
    return depth_ != 1 || take(text);
  }
  bool start_object(std::size_t) {
    ++depth_;
    in_array_ = false;
    return true;
  }
  bool key(json::string_t& name) {
    if (depth_ == 1) field_ = field_of(name);
    return true;
  }
  bool end_object() {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) {
    if (depth_ == 0) return fail("it is no JSON object");
    ++depth_;
    in_array_ = true;
    return true;
  }
  bool end_array() {
    --depth_;
    in_array_ = false;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) {
    return fail("it is no JSON, from octet " + std::to_string(position) + " on");
  }

  [[nodiscard]] bool complete() {
    event_.recipients.resize(recipients_);
    if (!has_time_) return fail("it has no \"time\"");
    if (!has_event_) return fail("it has no \"event\"");
    if (event_.kind != LogEvent::Kind::kOther && !has_client_)
      return fail("it has no \"client\" with address and port");
    return true;
  }

 private:
  bool fail(std::string what) {
    problem_ = std::move(what);
    return false;
  }

  // Strings that are there already are used again.
  void add_recipient(const std::string& text) {
    if (recipients_ == event_.recipients.size()) event_.recipients.emplace_back();
    event_.recipients[recipients_++] = text;
  }

  bool take(const std::string& text) {
    switch (field_) {
      case Field::kTime:
        return take_time(text);
      case Field::kEvent:
        return take_event(text);
      case Field::kConnector:
        event_.connector = text;
        return true;
      case Field::kClient:
        // Deliveries have it, too, and there an address alone would be no mistake.
        if (const auto client = Endpoint::parse(text)) {
          event_.client = *client;
          has_client_ = true;
        }
        return true;
      case Field::kLocal:
        event_.local = Endpoint::parse(text);
        return true;
      case Field::kFrom:
        event_.sender = text;
        return true;
      case Field::kTo:
        add_recipient(text);
        return true;
      case Field::kCommand:
        event_.command = text;
        return true;
      case Field::kReply:
        std::from_chars(text.data(), text.data() + text.size(), event_.code);
        return true;
      case Field::kReason:
        take_reason(text);
        return true;
      case Field::kLimit:
        event_.limit = text;
        return true;
      case Field::kAction:
        event_.shadow = text == "shadow";
        return true;
      case Field::kNone:
      case Field::kSessionMs:
      case Field::kSize:
      case Field::kMs:
        return true;
    }
    return true;
  }

  bool take_time(const std::string& text) {
    const auto time = parse_time(text);
    if (!time) return fail("'" + text + "' is no time");
    event_.time = *time;
    has_time_ = true;
    return true;
  }

  bool take_event(const std::string& text) {
    using Kind = LogEvent::Kind;
    has_event_ = true;
    event_.kind = text == "message" || text == "discarded" ? Kind::kMessage
                  : text == "refused"                      ? Kind::kRefused
                  : text == "limited"                      ? Kind::kLimited
                                                           : Kind::kOther;
    return true;
  }

  // "limit messages/source: 600/600, retry in 3 s (id 1f3a9c02)" (front/limit_reply.h)
  void take_reason(std::string_view text) {
    constexpr std::string_view kLimit = "limit ";
    if (!text.starts_with(kLimit)) return;
    const size_t end = text.find(": ");
    if (end != std::string_view::npos)
      event_.limit = text.substr(kLimit.size(), end - kLimit.size());
  }

  LogEvent& event_;
  std::string& problem_;
  Field field_ = Field::kNone;
  size_t recipients_ = 0;
  int depth_ = 0;
  bool in_array_ = false;
  bool has_time_ = false;
  bool has_event_ = false;
  bool has_client_ = false;
};

}  // namespace

bool LogEvent::read(std::string_view line, std::string& problem) {
  kind = Kind::kOther;
  connector.clear();
  sender.clear();
  command.clear();
  limit.clear();
  local.reset();
  session_age.reset();
  size.reset();
  since_mail = {};
  code = 0;
  shadow = false;
  problem.clear();
  LogLine parts(*this, problem);
  if (!json::sax_parse(line.begin(), line.end(), &parts)) {
    if (problem.empty()) problem = "it is no JSON";
    return false;
  }
  return parts.complete();
}

}  // namespace relais::admin
