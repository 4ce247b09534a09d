// The files of [tls] and of a connector as the tls room wants them.
#pragma once

#include <string>

#include "config/model.h"
#include "tls/server_context.h"

namespace relais::config {

// The certificates that [tls] names, `own` of a connector in front of them if it is not empty.
// `asks`: clients for theirs.
[[nodiscard]] tls::ServerSettings certificates_of(const TlsSettings& settings,
                                                  const std::string& own, bool asks);

}  // namespace relais::config
