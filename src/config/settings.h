// The values of a Receive connector as its file would say them, key by key, and how two versions of
// a connector differ.
#pragma once

#include <string>
#include <vector>

#include "config/parameter.h"
#include "policy/connector.h"

namespace relais::config {

// "36MB", "[\"Tls\"]", "true"; empty: nothing is set.
[[nodiscard]] std::string setting_text(const policy::ReceiveConnector& connector,
                                       const Parameter<ReceiveDraft>& row);

// "600/min burst 200 delay up to 30s, defer at 200%", "at most 20 close".
[[nodiscard]] std::string allowance_text(const policy::Limit& limit);
// "messages/source 600/min burst 200 delay up to 30s, defer at 200%".
[[nodiscard]] std::string limit_text(const policy::Limit& limit);

struct SettingChange {
  std::string key;
  std::string before;
  std::string after;
};
// Of two versions of one connector. Ranges and entries are counted: "2 added, 1 removed". Limits
// are told one by one, with the key "limit messages/source".
[[nodiscard]] std::vector<SettingChange> setting_changes(const policy::ReceiveConnector& before,
                                                         const policy::ReceiveConnector& after);

}  // namespace relais::config
