// relais-load: the command line. What it means is in options.cpp.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "load/options.h"
#include "load/run.h"

namespace {

using relais::load::Options;
using relais::load::Outputs;

void add_extent(CLI::App& app, Options& options) {
  const auto extent = "How much, how fast";
  app.add_option("--sessions", options.sessions,
                 "connections at a time: all of them in a closed loop (10), at most in an open one "
                 "(100)")
      ->group(extent);
  app.add_option("--rate", options.rate,
                 "open loop: so many messages a second, or a ramp (100..2000)")
      ->group(extent);
  app.add_option("--ramp", options.ramp, "how long the ramp takes (--for)")->group(extent);
  app.add_option("-n,--count", options.count, "end after so many messages")->group(extent);
  app.add_option("--for", options.run_for, "end after so long: 30s, 5m")->group(extent);
  app.add_option("--warm-up", options.warm_up, "before that, messages that are not counted: 2s")
      ->group(extent);
  app.add_option("--messages-per-connection", options.per_connection, "then QUIT (no limit)")
      ->group(extent);
  app.add_option("--timeout", options.timeout, "how long an answer is waited for")
      ->group(extent)
      ->capture_default_str();
}

void add_content(CLI::App& app, Options& options) {
  const auto what = "What is sent";
  app.add_option("--mode", options.mode, "lock-step, pipelining or bdat")
      ->group(what)
      ->capture_default_str();
  app.add_option("--size,--sizes", options.sizes,
                 "of a message (10k), or a mix: size:weight,... as in 1k:60,10k:30,1m:1")
      ->group(what);
  app.add_option("--corpus", options.corpus, "messages of this folder in place of made ones")
      ->group(what);
  app.add_option("--from", options.sender, "the sender; '' is the null sender")
      ->group(what)
      ->capture_default_str();
  app.add_option("--to", options.recipient, "the recipient")->group(what)->capture_default_str();
  app.add_option("--recipients", options.recipients,
                 "a message; several get numbers: recipient1@, recipient2@")
      ->group(what)
      ->capture_default_str();
  app.add_option("--hello", options.hello, "the name in EHLO")->group(what)->capture_default_str();
  app.add_option("--seed", options.seed, "of bodies and sizes")->group(what)->capture_default_str();
}

void add_connection(CLI::App& app, Options& options) {
  const auto how = "How it connects";
  app.add_option("--source", options.source,
                 "addresses to come from, in turn: 127.0.1.1-127.0.1.50, 127.0.2.0/24, lists")
      ->group(how);
  app.add_option("--tls", options.tls, "starttls or implicit; any certificate will do")->group(how);
  app.add_flag("--tls-resume", options.tls_resume, "resume sessions where the server lets us")
      ->group(how);
  app.add_option("--user", options.user, "log on as")->group(how);
  app.add_option("--password-file", options.password_file, "its first line is the password")
      ->group(how);
  app.add_option("--auth", options.auth, "plain or login (what is offered, plain first)")
      ->group(how);
  app.add_flag("--i-own-this-server", options.own_server,
               "for targets that are not this machine: you answer for them")
      ->group(how);
}

void add_outputs(CLI::App& app, Outputs& outputs) {
  const auto results = "Results";
  app.add_flag("--json", outputs.json, "one JSON object in place of the table")->group(results);
  app.add_option("--html", outputs.html, "also a page with plots, in this file")->group(results);
  app.add_option("--ledger", outputs.ledger,
                 "what became of each message, in this file (relais-verify reads it)")
      ->group(results);
}

// An option that is not given is empty, so one that is given must not be; but for the null sender.
void refuse_empty(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->check_lname("from")) continue;
    option->check(
        [](const std::string& text) { return std::string(text.empty() ? "is empty" : ""); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "relais-load: loads an SMTP server and measures it. Exit status 0: every message was "
      "accepted; 1: some were not; 2: wrong use.",
      "relais-load"};
  Options options;
  Outputs outputs;
  app.add_option("TARGET", options.targets, "servers: 127.0.0.1:2525, [::1]:25, localhost:2525");
  add_extent(app, options);
  add_content(app, options);
  add_connection(app, options);
  add_outputs(app, outputs);
  refuse_empty(app);
  app.set_version_flag("--version", "relais-load " RELAIS_VERSION, "print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "relais-load: %s; see relais-load --help\n", error.what());
    return 2;
  }
  const auto plan = relais::load::make_plan(options);
  if (!plan) {
    std::fprintf(stderr, "relais-load: %s\n", plan.error().c_str());
    return 2;
  }
  return relais::load::run(*plan, outputs);
}
