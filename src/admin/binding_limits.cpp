#include "admin/binding_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "config/settings.h"

namespace relais::admin {
namespace {

using policy::Limit;
using policy::LimitKey;
using policy::LimitOrigin;
using policy::Measure;

// Greeting to QUIT: EHLO, MAIL, RCPT for each recipient, DATA, QUIT.
constexpr uint64_t kCommandsBesideRecipients = 4;

// Events of the measure that one message costs; none: it has no load in messages.
std::optional<uint64_t> cost_of(const Limit& limit, const MessageShape& shape) {
  switch (limit.measure) {
    case Measure::kMessages:
    case Measure::kConnections:
      return 1;
    case Measure::kRecipients:
      return limit.key == LimitKey::kRecipientDomain ? shape.in_one_domain : shape.recipients;
    case Measure::kBytes:
      return shape.octets;
    case Measure::kCommands:
      return kCommandsBesideRecipients + shape.recipients;
    default:
      return {};
  }
}

std::string counts_of(const Limit& limit) {
  if (limit.origin == LimitOrigin::kConnectionRate) return "all clients of the server";
  switch (limit.key) {
    case LimitKey::kConnector:
      return "all clients of the connector";
    case LimitKey::kSource:
      return "this client";
    case LimitKey::kSourcePrefix:
      return "this client's network";
    case LimitKey::kSender:
      return "this sender";
    case LimitKey::kSenderDomain:
      return "this sender's domain";
    case LimitKey::kUser:
      return "this user, or the sender where nobody has authenticated";
    case LimitKey::kRecipientDomain:
      return "a recipient's domain";
  }
  return {};
}

bool is_counted(const Limit& limit) {
  return limit.measure != Measure::kErrors && limit.measure != Measure::kAuthFailures &&
         limit.measure != Measure::kTlsHandshakes;
}

const Limit* maximum_of_all(const std::vector<Limit>& limits) {
  const auto found = std::ranges::find(limits, LimitOrigin::kMaxInbound, &Limit::origin);
  return found != limits.end() ? &*found : nullptr;
}

// 20, 0.5, 1200: a fraction only where it says something.
std::string number(double value) {
  return value >= 10 || value == static_cast<double>(static_cast<uint64_t>(value))
             ? fmt::format("{:.0f}", value)
             : fmt::format("{:.2g}", value);
}

auto order(const BindingLimit& limit) {
  return std::tuple(!limit.per_minute, limit.per_minute.value_or(0), !limit.open,
                    limit.open.value_or(0));
}

// The first that refuses or delays, and that `wanted` takes.
template <class Wanted>
const BindingLimit* first(const std::vector<BindingLimit>& limits, Wanted&& wanted) {
  const auto found = std::ranges::find_if(limits, [&](const BindingLimit& limit) {
    return !limit.shadow && limit.per_minute && wanted(limit);
  });
  return found != limits.end() ? &*found : nullptr;
}

}  // namespace

std::vector<BindingLimit> binding_limits(const std::vector<Limit>& limits,
                                         const MessageShape& shape) {
  std::vector<BindingLimit> binding;
  for (const Limit& limit : limits) {
    if (!is_counted(limit)) continue;
    BindingLimit entry;
    entry.name = limit.shown_name();
    entry.allows = config::allowance_text(limit);
    entry.counts = counts_of(limit);
    entry.shared = limit.key != LimitKey::kSource;
    entry.shadow = std::ranges::all_of(limit.steps, [](const policy::LimitStep& step) {
      return step.action == policy::LimitAction::kShadow;
    });
    if (limit.measure == Measure::kConcurrent) {
      entry.open = limit.burst;
      if (limit.origin == LimitOrigin::kPercentPerSource) {
        const Limit* all = maximum_of_all(limits);
        entry.open = std::max<uint64_t>(all != nullptr ? all->burst * limit.burst / 100 : 0, 1);
        entry.allows = fmt::format("{}% of what is left of {} close", limit.burst,
                                   all != nullptr ? all->burst : 0);
      }
    } else if (const auto cost = cost_of(limit, shape); cost && *cost > 0) {
      const double minute = static_cast<double>(minutes(1).ns);
      const double period = static_cast<double>(limit.rate.period.ns);
      entry.per_minute =
          static_cast<double>(limit.rate.count) * minute / period / static_cast<double>(*cost);
      entry.at_once = limit.burst / *cost;
    }
    binding.push_back(std::move(entry));
  }
  std::ranges::stable_sort(binding, {}, order);
  return binding;
}

std::string load_text(const BindingLimit& limit) {
  if (limit.open) return fmt::format("{} open", *limit.open);
  return limit.per_minute ? number(*limit.per_minute) + "/min" : std::string("by size");
}

std::vector<std::string> what_binds_first(const std::vector<BindingLimit>& limits) {
  std::vector<std::string> sentences;
  const auto sentence = [&](std::string_view who, const BindingLimit& limit) {
    sentences.push_back(fmt::format("{}: {} binds first, at {} messages a minute", who, limit.name,
                                    number(*limit.per_minute)));
  };
  const BindingLimit* alone = first(limits, [](const BindingLimit&) { return true; });
  if (alone == nullptr) return {"no limit holds the rate of messages"};
  sentence("this client alone", *alone);
  const BindingLimit* hasty = nullptr;
  for (const BindingLimit& limit : limits) {
    if (limit.shadow || !limit.at_once) continue;
    if (hasty == nullptr || *limit.at_once < *hasty->at_once) hasty = &limit;
  }
  if (hasty != alone) {
    sentences.push_back(
        fmt::format("after silence, many at once: {} binds first, with more than {} messages",
                    hasty->name, *hasty->at_once));
  }
  if (alone->shared) return sentences;
  const BindingLimit* together = first(limits, [](const BindingLimit& l) { return l.shared; });
  if (together != nullptr) sentence("all clients together", *together);
  return sentences;
}

}  // namespace relais::admin
