// The files of Send connectors (authorities, passwords), read once at the start.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "config/model.h"
#include "relay/hop_security.h"
#include "upstream/target.h"

namespace relais {

// They were found to be good a moment ago (config::load); if one is not any more, the error says
// which and why.
[[nodiscard]] std::expected<relay::HopSecurities, std::string> load_hop_security(
    const std::vector<config::SendConnector>& connectors);

// The same for upstreams: Send connectors with smart hosts.
[[nodiscard]] upstream::Routes upstream_routes(const std::vector<config::SendConnector>& connectors,
                                               const relay::HopSecurities& securities);

}  // namespace relais
