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

struct SettingChange {
  std::string key;
  std::string before;
  std::string after;
};
// Of two versions of one connector. Ranges and entries are counted: "2 added, 1 removed".
[[nodiscard]] std::vector<SettingChange> setting_changes(const policy::ReceiveConnector& before,
                                                         const policy::ReceiveConnector& after);

}  // namespace relais::config
