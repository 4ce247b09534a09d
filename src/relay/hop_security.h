// What a Send connector needs for TLS and for logging on to its next hops, made from its files
// before any core starts and shared by all of them.
#pragma once

#include <memory>
#include <vector>

#include "smtp/auth_exchange.h"
#include "tls/client_context.h"

namespace relais::relay {

struct HopSecurity {
  std::shared_ptr<const tls::ClientContext> tls;         // null: TLS is not spoken
  std::shared_ptr<const smtp::Credentials> credentials;  // null: nobody logs on
};
// By Send connector.
using HopSecurities = std::vector<HopSecurity>;

}  // namespace relais::relay
