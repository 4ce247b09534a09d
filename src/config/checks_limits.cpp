// Limits that contradict each other, or that can never have an effect.
#include <fmt/format.h>

#include <algorithm>

#include "config/checks.h"
#include "config/values.h"

namespace relais::config {
namespace {

constexpr uint32_t kUnlimited = UINT32_MAX;

void check_spool(const ModelDraft& model, const Place& place) {
  if (model.spool.segment_size > model.spool.max_size / 4) {
    place.key("spool", 0)
        .key("segment_size", model.spool_lines.of("segment_size"))
        .error(Rule::kSpoolSegments,
               fmt::format("{} is more than a quarter of max_size ({})",
                           print_size(model.spool.segment_size), print_size(model.spool.max_size)),
               fmt::format("Write at most {}, or a larger max_size",
                           print_size(model.spool.max_size / 4)));
  }
}

void check_retry(const ModelDraft& model, const Place& place) {
  const Place section = place.key("retry", 0);
  if (model.retry.max < model.retry.first) {
    section.key("max", model.retry_lines.of("max"))
        .error(Rule::kLimitsContradict,
               fmt::format("{} is shorter than first ({})", print_duration(model.retry.max),
                           print_duration(model.retry.first)),
               "Write a max that is not shorter than first");
  }
  if (model.retry.expire_after < model.retry.max) {
    section.key("expire_after", model.retry_lines.of("expire_after"))
        .error(Rule::kLimitsContradict,
               fmt::format("{} is shorter than max ({})", print_duration(model.retry.expire_after),
                           print_duration(model.retry.max)),
               "Write an expire_after that is not shorter than max");
  }
}

void check_switches(const ReceiveDraft& connector, const Place& place) {
  if (connector.binary_mime && !connector.chunking && connector.lines.has("chunking_enabled")) {
    key_of(place, connector.lines, "chunking_enabled")
        .error(Rule::kExtensionNeedsAnother,
               "BINARYMIME cannot be offered without CHUNKING (RFC 3030)",
               "Write binary_mime_enabled = false, or leave chunking_enabled = true");
  }
}

void check_timeouts(const ReceiveDraft& connector, const Place& place) {
  if (connector.connection_inactivity_timeout < connector.connection_timeout) return;
  key_of(place, connector.lines,
         connector.lines.has("connection_inactivity_timeout") ? "connection_inactivity_timeout"
                                                              : "connection_timeout")
      .error(Rule::kLimitsContradict,
             fmt::format("connection_inactivity_timeout ({}) is not below connection_timeout ({})",
                         print_duration(connector.connection_inactivity_timeout),
                         print_duration(connector.connection_timeout)),
             "Write an inactivity timeout that is shorter than the connection timeout");
}

// Only what the file says: a default that another limit makes idle is nobody's mistake.
void check_connections(const ReceiveDraft& connector, const Place& place) {
  constexpr std::string_view kPerSource = "max_inbound_connection_per_source";
  constexpr std::string_view kPercentage = "max_inbound_connection_percentage_per_source";
  const uint32_t all = connector.max_inbound_connection;
  const uint32_t per_source = connector.max_inbound_connection_per_source;
  if (connector.lines.has(kPerSource) && per_source != kUnlimited && per_source > all) {
    key_of(place, connector.lines, kPerSource)
        .warning(
            Rule::kLimitNeverBinds,
            fmt::format("{} can never be reached: max_inbound_connection is {}", per_source, all),
            "Write a smaller number, or a larger max_inbound_connection");
  }
  const uint64_t hundredths =
      uint64_t{all} * connector.max_inbound_connection_percentage_per_source;
  if (connector.lines.has(kPercentage) && hundredths < 100) {
    key_of(place, connector.lines, kPercentage)
        .warning(Rule::kLimitNeverBinds,
                 fmt::format("{}% of max_inbound_connection ({}) is less than one session",
                             connector.max_inbound_connection_percentage_per_source, all),
                 fmt::format("Write at least {}, or a larger max_inbound_connection",
                             (100 + all - 1) / all));
  }
}

void check_rates(const ReceiveDraft& connector, const Place& place) {
  if (connector.lines.has("message_rate_limit") && connector.message_rate_limit != kUnlimited &&
      connector.message_rate_source == policy::MessageRateSource::kNone) {
    key_of(place, connector.lines, "message_rate_limit")
        .warning(Rule::kLimitNeverBinds, "message_rate_source is None, so nothing is counted",
                 "Write message_rate_source = \"IPAddress\", \"User\" or \"All\"");
  }
}

void check_header(const ReceiveDraft& connector, const Place& place) {
  if (connector.max_header_size <= connector.max_message_size) return;
  if (!connector.lines.has("max_header_size")) return;
  key_of(place, connector.lines, "max_header_size")
      .warning(Rule::kLimitNeverBinds,
               fmt::format("{} can never be reached: max_message_size is {}",
                           print_size(connector.max_header_size),
                           print_size(connector.max_message_size)),
               "Write a smaller size, or a larger max_message_size");
}

}  // namespace

void check_spool_and_retry(const ModelDraft& model, const Place& place) {
  check_spool(model, place);
  check_retry(model, place);
}

void check_limits(const ReceiveDraft& connector, const Place& place) {
  check_switches(connector, place);
  check_timeouts(connector, place);
  check_connections(connector, place);
  check_rates(connector, place);
  check_header(connector, place);
}

// A message goes to the log as it arrives, so memory is no bound; the log is.
void check_message_sizes(const ModelDraft& model, const std::vector<ConnectorFile>& files) {
  for (const ConnectorFile& file : files) {
    const bool queues =
        file.draft.delivery == policy::Delivery::kQueue ||
        (file.draft.delivery == policy::Delivery::kProxy && file.draft.proxy_fallback);
    if (!queues || file.draft.max_message_size <= model.spool.max_size) continue;
    key_of(file.place, file.draft.lines, "max_message_size")
        .warning(
            Rule::kLimitNeverBinds,
            fmt::format("{} can never be reached: the spool of a core has {}",
                        print_size(file.draft.max_message_size), print_size(model.spool.max_size)),
            "Write a smaller size, or a larger max_size in [spool]");
  }
}

// Those of enabled connectors; said once, at the last of them.
void check_reserved_shares(const ModelDraft& model, const std::vector<ConnectorFile>& files) {
  constexpr std::string_view kKey = "reserved_share";
  constexpr uint32_t kMost = 90;
  constexpr uint32_t kSegmentsLeft = 4;
  uint32_t sum = 0;
  std::string shares;
  const ConnectorFile* last = nullptr;
  for (const ConnectorFile& file : files) {
    const uint32_t share = file.draft.reserved_share;
    if (!file.draft.enabled || share == 0) continue;
    sum += share;
    shares += fmt::format("{}{}% of '{}' ({}:{})", last == nullptr ? "" : ", ", share,
                          file.draft.name, file.place.file(), file.draft.lines.of(kKey));
    last = &file;
  }
  if (last == nullptr) return;
  const Place place = key_of(last->place, last->draft.lines, kKey);
  const uint64_t left = model.spool.max_size / 100 * (100 - std::min(sum, 100U));
  if (sum > kMost) {
    place.error(Rule::kReservedShares, fmt::format("{} make {}%", shares, sum),
                fmt::format("Write shares that make at most {}% together", kMost));
  } else if (left < kSegmentsLeft * model.spool.segment_size) {
    place.error(Rule::kReservedShares,
                fmt::format("{} leave {} of spool.max_size ({}) to all others, fewer than {} "
                            "segments of {}",
                            shares, print_size(left), print_size(model.spool.max_size),
                            kSegmentsLeft, print_size(model.spool.segment_size)),
                "Write smaller shares, a larger max_size or a smaller segment_size");
  }
}

}  // namespace relais::config
