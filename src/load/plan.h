// What a run is to do, checked: everything that the generator needs to know. Outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "load/content.h"
#include "load/dialogue.h"
#include "load/rate.h"
#include "load/sources.h"
#include "smtp/auth_exchange.h"
#include "tls/client_context.h"

namespace relais::load {

struct Target {
  std::string name;  // as it was given
  Endpoint endpoint;
  std::string host;  // for TLS
};

enum class TlsUse : uint8_t { kNone, kStartTls, kImplicit };

struct Plan {
  uint64_t seed = 1;
  std::vector<Target> targets;
  Sources sources;  // empty: the kernel's choice
  uint32_t sessions = 10;
  std::optional<RateSchedule> rate;  // an open loop
  uint64_t count = 0;                // messages behind the warm-up; 0: no limit
  Duration run_for{};                // behind the warm-up; 0: no limit
  Duration warm_up{};
  uint64_t per_connection = 0;  // messages; 0: no limit
  Duration patience = seconds(60);
  TlsUse tls = TlsUse::kNone;
  bool tls_resume = false;
  std::shared_ptr<const tls::ClientContext> tls_context;
  std::unique_ptr<smtp::Credentials> credentials;
  std::vector<std::string> recipients;
  Script script;
  std::unique_ptr<Content> content;
};

}  // namespace relais::load
