// What was asked for on the command line, as it was written, and the plan that becomes of it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "load/plan.h"

namespace relais::load {

struct Options {
  std::vector<std::string> targets;
  std::string mode = "lock-step";
  std::optional<std::string> sessions;
  std::string count;
  std::string run_for;
  std::string warm_up;
  std::string rate;
  std::string ramp;
  std::string per_connection;
  std::string recipients = "1";
  std::string sizes;
  std::string corpus;
  std::string source;
  std::string sender = "sender@example.com";
  std::string recipient = "recipient@example.com";
  std::string hello = "relais-load.example.com";
  std::string tls;
  bool tls_resume = false;
  std::string auth;
  std::string user;
  std::string password_file;
  std::string timeout = "60s";
  std::string seed = "1";
  bool own_server = false;
};

// Reads files (corpus, password), asks the resolver, and tries the sources. An error is one line
// that says what to change.
[[nodiscard]] std::expected<Plan, std::string> make_plan(const Options& options);

// Loopback, and the networks that are there for measuring (RFC 2544, RFC 5180): nobody else's
// server can have such an address. Pure.
[[nodiscard]] bool may_be_loaded(const IpAddress& address);

}  // namespace relais::load
