#include "config/section.h"

namespace relais::config {
namespace {

// A key of [server] and so on that was written above the first section.
std::string_view section_of(const std::string& key) {
  const auto has = [&](auto rows) {
    return std::ranges::any_of(rows, [&](const auto& row) { return row.key == key; });
  };
  if (has(server_parameters())) return "server";
  if (has(spool_parameters())) return "spool";
  if (has(retry_parameters())) return "retry";
  if (has(notification_parameters())) return "notifications";
  if (has(limits_parameters())) return "limits";
  if (has(admin_parameters())) return "admin";
  if (has(back_pressure_parameters())) return "back_pressure";
  if (has(tls_parameters())) return "tls";
  if (has(auth_parameters())) return "auth";
  if (has(protocol_log_parameters())) return "protocol_log";
  return {};
}

}  // namespace

void report_unknown_key(const Place& place, const std::string& key,
                        const std::vector<std::string_view>& known) {
  std::string cure;
  const std::string_view guess = nearest(key, known);
  if (!guess.empty()) {
    cure = fmt::format("Did you mean '{}'? ", guess);
  } else if (const auto section = section_of(key); !section.empty() && section != key) {
    cure = fmt::format("It belongs into [{}]. ", section);
  }
  place.error(Rule::kUnknownKey, "unknown key",
              fmt::format("{}Known here: {}", cure, fmt::join(known, ", ")));
}

}  // namespace relais::config
