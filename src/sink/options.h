// What relais-sink was asked for: the words of the command line made into values and checked. All
// mistakes end here, as one line for a person.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "sink/behaviour.h"
#include "smtp/server.h"

namespace relais::sink {

// As typed.
struct Words {
  std::vector<std::string> listen{};
  bool any_address = false;
  uint32_t threads = 1;
  uint32_t sessions_max = 20'000;
  std::string ledger{};
  std::vector<std::string> delay{};
  std::vector<std::string> answer{};
  std::vector<std::string> answer_to{};
  std::vector<std::string> close_at{};
  std::string tarpit{};
  std::string read_pause{};
  std::string refuse_after{};
  std::string refuse_for{};
  std::string refuse_by{};
  std::vector<std::string> offer{};
  std::vector<std::string> hide{};
  std::string tls_certificate{};
  std::string tls_key{};
  bool tls_at_once = false;
  uint64_t seed = 1;
  uint64_t count = 0;
  std::string run_for{};
  bool json = false;
  bool quiet = false;
};

struct Options {
  std::vector<Endpoint> listen;
  uint32_t threads = 1;
  uint32_t sessions_max = 20'000;  // of all threads
  std::string ledger;              // empty: none
  Behaviour behaviour;
  Duration read_pause{};  // before each receive buffer is looked at; 0: none
  Duration refuse_after{};
  Duration refuse_for{};  // 0: never
  bool refuse_by_reset = false;
  smtp::ServerOptions server;
  std::string tls_certificate;  // empty: no TLS
  std::string tls_key;
  bool tls_at_once = false;  // from the first octet on (port 465); no STARTTLS then
  uint64_t seed = 1;
  uint64_t count = 0;  // end behind so many messages; 0: never
  Duration run_for{};  // end after so long; 0: never
  bool json = false;
  bool quiet = false;
};

[[nodiscard]] std::expected<Options, std::string> options_of(const Words& words);

}  // namespace relais::sink
