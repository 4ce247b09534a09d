// A Receive connector as an object of the shell, with Exchange's properties in Exchange's order.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shell/change.h"
#include "shell/value.h"

namespace relais::shell {

// "RELAY" of relay.contoso.com: what stands before the backslash of an identity.
[[nodiscard]] std::string server_name(const config::Model& model);
[[nodiscard]] std::string identity_of(const config::Model& model, std::string_view connector);

// By name, or by Server\Name. Case does not matter.
[[nodiscard]] const policy::ReceiveConnector* find_receive_connector(const config::Model& model,
                                                                     std::string_view identity);
// What to say when there is none.
[[nodiscard]] std::string no_receive_connector(const config::Model& model,
                                               std::string_view identity);

[[nodiscard]] Object receive_connector_object(const Folder& folder,
                                              const policy::ReceiveConnector& connector);

// "AnonymousUsers, ExchangeServers", with "Custom" once there are single entries; "None".
[[nodiscard]] std::string permission_groups_text(const policy::ReceiveConnector& connector);
[[nodiscard]] std::string auth_mechanism_text(const policy::ReceiveConnector& connector);

}  // namespace relais::shell
