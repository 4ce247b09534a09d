// What a Send connector needs for TLS and for logging on to its next hops, made from its files
// before any core starts and shared by all of them.
#pragma once

#include <memory>
#include <vector>

#include "config/model.h"
#include "smtp/auth_exchange.h"
#include "smtp/opening.h"
#include "tls/client_context.h"

namespace relais::relay {

struct HopSecurity {
  std::shared_ptr<const tls::ClientContext> tls;         // null: TLS is not spoken
  std::shared_ptr<const smtp::Credentials> credentials;  // null: nobody logs on
};
// By Send connector.
using HopSecurities = std::vector<HopSecurity>;

// What the connector says of STARTTLS. A host that cannot may still be spoken to in the clear where
// it need not.
[[nodiscard]] inline smtp::StartTls start_tls_of(const config::SendConnector& connector) {
  if (connector.tls_start == config::TlsStart::kImplicit) return smtp::StartTls::kNever;
  if (connector.requires_tls()) return smtp::StartTls::kRequired;
  return connector.ignore_starttls ? smtp::StartTls::kNever : smtp::StartTls::kIfOffered;
}

}  // namespace relais::relay
