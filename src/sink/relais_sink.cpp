// The command line of relais-sink.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <string>

#include "sink/program.h"

namespace {

using relais::sink::Words;

// CLI11's own words for a number that does not fit are of 400 octets.
CLI::Validator whole_number(uint64_t least) {
  return {[least](const std::string& text) {
            const bool digits = !text.empty() && text.size() <= 18 &&
                                text.find_first_not_of("0123456789") == std::string::npos;
            return digits && std::stoull(text) >= least
                       ? std::string()
                       : text + " is no whole number from " + std::to_string(least) + " on";
          },
          ""};
}

void add_misbehaviour(CLI::App& app, Words& words) {
  const std::string group = "Misbehaviour";
  app.add_option("--delay", words.delay,
                 "wait at a place: PLACE=TIME[-TIME][,P%]; places are connect, hello, starttls, "
                 "mail, rcpt, data, content, end, rset, noop, quit")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--answer", words.answer,
                 "refuse with a code: PLACE=CODE[,P%]; not at hello, content, rset, noop, quit")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--answer-to", words.answer_to,
                 "refuse recipients: PATTERN=CODE, where * stands for anything")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--close-at", words.close_at, "close without a reply: PLACE[,P%]")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--tarpit", words.tarpit,
                 "so long between two octets of a reply: TIME[,P%], of sessions")
      ->group(group);
  app.add_option("--read-pause", words.read_pause, "so long before each piece that is received")
      ->group(group);
  app.add_option("--refuse-for", words.refuse_for,
                 "for so long (as in 2s) be as if dead, and cut what is open")
      ->group(group);
  app.add_option("--refuse-after", words.refuse_after, "so long from the start")->group(group);
  app.add_option("--refuse-by", words.refuse_by, "closed (nobody listens) or reset")->group(group);
  app.add_option("--seed", words.seed, "of what happens by chance")
      ->check(whole_number(0))
      ->group(group);
}

void add_rest(CLI::App& app, Words& words) {
  app.add_option("--listen", words.listen, "ADDRESS:PORT (127.0.0.1:2526); may be given often")
      ->allow_extra_args(false);
  app.add_flag("--any-address", words.any_address, "listen on other addresses than loopback, too");
  app.add_option("--threads", words.threads, "each with listeners and an io_uring of its own")
      ->check(CLI::Range(1, 256));
  app.add_option("--max-sessions", words.sessions_max, "421 to those beyond")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--ledger", words.ledger, "write down each message, for relais-verify");
  app.add_option("--count", words.count, "end behind so many messages")->check(whole_number(1));
  app.add_option("--for", words.run_for, "end after so long: 30s, 5m");
  app.add_option("--offer", words.offer, "an SMTP extension: LIMITS, AUTH (takes any password)")
      ->allow_extra_args(false);
  app.add_option("--hide", words.hide, "an SMTP extension: PIPELINING, CHUNKING, ...")
      ->allow_extra_args(false);
  app.add_option("--tls-certificate", words.tls_certificate, "PEM file; offers STARTTLS");
  app.add_option("--tls-key", words.tls_key, "PEM file; else the key is in the same file");
  app.add_flag("--tls-at-once", words.tls_at_once, "TLS from the first octet on, no STARTTLS");
  app.add_flag("--json", words.json, "the summary as one JSON object");
  app.add_flag("--quiet", words.quiet, "no progress line");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "relais-sink: an SMTP server for load tests that takes every message, checks it and "
      "keeps nothing",
      "relais-sink"};
  app.set_version_flag("--version", "relais-sink " RELAIS_VERSION);
  Words words;
  add_rest(app, words);
  add_misbehaviour(app, words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "relais-sink: %s. See relais-sink --help\n", error.what());
    return 2;
  }
  auto options = relais::sink::options_of(words);
  if (!options) {
    std::fprintf(stderr, "relais-sink: %s\n", options.error().c_str());
    return 2;
  }
  const int status = relais::sink::run_program(std::move(*options));
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fprintf(stderr, "relais-sink: standard output could not be written\n");
  return status == 0 ? 1 : status;
}
