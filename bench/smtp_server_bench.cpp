// What the server's side of the dialogue costs without network and policy: octets in, events and
// replies out, every question answered with yes.
//
//   transaction, transaction_bdat   MAIL, RCPTs and the content as they come with PIPELINING, on a
//                                   session that goes on; scanner and header filter are in it.
//                                   `piece`: octets of a read
//   command/...                     one command, or the shortest group that can be said again and
//                                   again; refusals are those of the dialogue itself
//   session                         greeting, EHLO, QUIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "measure.h"
#include "smtp/server.h"

namespace {

using namespace relais::bench;
using namespace relais::smtp;

constexpr std::string_view kClient = "192.168.5.17";
constexpr std::string_view kHello = "EHLO app17.contoso.com\r\n";
constexpr size_t kWhole = SIZE_MAX;

ServerOptions options() {
  ServerOptions made;
  made.fqdn = "relay.contoso.com";
  made.max_protocol_errors = UINT32_MAX;
  made.max_logon_failures = 0;
  made.auth = true;
  made.auth_needs_tls = false;
  made.header.own_names = {"relay.contoso.com", "192.168.5.2"};
  return made;
}

// A caller that agrees to everything but logons, and sends replies as fast as they come.
class Session {
 public:
  Session() { say(kHello, kWhole); }

  void say(std::string_view bytes, size_t piece) {
    while (!bytes.empty()) {
      server_.feed(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
      for (Event event; (event = server_.next()).kind != Event::Kind::kNeedInput;) act(event);
      server_.output_consumed(server_.output().size());
    }
  }
  [[nodiscard]] uint64_t messages() const { return messages_; }
  [[nodiscard]] uint64_t refusals() const { return refusals_; }

 private:
  void act(const Event& event) {
    benchmark::DoNotOptimize(event.bytes.data());
    if (event.kind == Event::Kind::kDataEnd) ++messages_;
    if (event.kind == Event::Kind::kRefused) ++refusals_;
    if (!event.is_question()) return;
    server_.answer({event.kind == Event::Kind::kAuth ? replies::kLogonFailed : replies::kSenderOk});
  }

  ServerOptions options_ = options();
  Server server_{options_, kClient};
  uint64_t messages_ = 0;
  uint64_t refusals_ = 0;
};

std::string content(size_t octets) {
  std::string text =
      "Received: from app17.contoso.com (192.168.5.17)\r\n by hub.contoso.com (192.168.5.3)\r\n"
      " with ESMTP id 2f1c0a52; Fri, 5 Aug 2016 16:24:41 +0000\r\n"
      "Date: Fri, 5 Aug 2016 16:24:40 +0000\r\nFrom: chris@contoso.com\r\n"
      "To: Kate <kate@fabrikam.com>\r\nSubject: The nightly report\r\n\r\n";
  while (text.size() < octets) text.append(76, 'x').append("\r\n");
  return text;
}

std::string envelope(const benchmark::State& run) {
  std::string text = "MAIL FROM:<chris.green@contoso.com> SIZE=100000\r\n";
  for (int64_t i = 0; i < run.range(1); ++i)
    text += "RCPT TO:<kate.moss." + std::to_string(1000 + i) + "@fabrikam.com>\r\n";
  return text;
}

void say_messages(benchmark::State& run, const std::string& message) {
  Session session;
  const uint64_t before = session.messages();
  session.say(message, kWhole);
  if (session.messages() != before + 1) return fail(run, "the message was not taken");
  const auto piece = static_cast<size_t>(run.range(2));
  measure(
      run, [&] { session.say(message, piece); }, kHotPath);
  if (session.refusals() != 0) return fail(run, "a command was refused");
  run.SetItemsProcessed(run.iterations());
  run.SetBytesProcessed(run.iterations() * static_cast<int64_t>(message.size()));
}

void transaction(benchmark::State& run) {
  say_messages(run,
               envelope(run) + "DATA\r\n" + content(static_cast<size_t>(run.range(0))) + ".\r\n");
}

void transaction_bdat(benchmark::State& run) {
  const std::string text = content(static_cast<size_t>(run.range(0)));
  say_messages(run, envelope(run) + "BDAT " + std::to_string(text.size()) + " LAST\r\n" + text);
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"octets", "recipients", "piece"});
  for (const int64_t octets : {1 << 10, 10 << 10, 100 << 10})
    benchmark->Args({octets, 1, 16 << 10});
  benchmark->Args({10 << 10, 1, 1460});
  benchmark->Args({10 << 10, 100, 16 << 10});
}
BENCHMARK(transaction)->Apply(shapes);
BENCHMARK(transaction_bdat)->Apply(shapes);

void command(benchmark::State& run, const char* text, const Expected& expected = kHotPath) {
  Session session;
  measure(
      run, [&] { session.say(text, kWhole); }, expected);
  run.SetBytesProcessed(run.iterations() * static_cast<int64_t>(std::string_view(text).size()));
}

BENCHMARK_CAPTURE(command, ehlo, "EHLO app17.contoso.com\r\n");
BENCHMARK_CAPTURE(command, helo, "HELO app17.contoso.com\r\n");
BENCHMARK_CAPTURE(command, noop, "NOOP\r\n");
BENCHMARK_CAPTURE(command, rset, "RSET\r\n");
BENCHMARK_CAPTURE(command, vrfy, "VRFY kate\r\n");
BENCHMARK_CAPTURE(command, help, "HELP\r\n");
BENCHMARK_CAPTURE(command, mail_rset, "MAIL FROM:<chris.green@contoso.com>\r\nRSET\r\n");
BENCHMARK_CAPTURE(command, mail_with_all_parameters_rset,
                  "MAIL FROM:<chris.green@contoso.com> SIZE=100000 BODY=8BITMIME SMTPUTF8 RET=HDRS "
                  "ENVID=report-17\r\nRSET\r\n");
BENCHMARK_CAPTURE(command, mail_rcpt_rset,
                  "MAIL FROM:<chris.green@contoso.com>\r\nRCPT TO:<kate.moss@fabrikam.com>\r\n"
                  "RSET\r\n");
BENCHMARK_CAPTURE(command, mail_rcpt_with_all_parameters_rset,
                  "MAIL FROM:<chris.green@contoso.com>\r\nRCPT TO:<kate.moss@fabrikam.com> "
                  "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;kate.moss@fabrikam.com\r\nRSET\r\n");
// One: AuthExchange, which a session has for the time of a logon only.
BENCHMARK_CAPTURE(command, auth_plain_refused, "AUTH PLAIN AGNocmlzAHNlY3JldA==\r\n",
                  Expected{.allocations = 1});
BENCHMARK_CAPTURE(command, unknown, "FROBNICATE now\r\n");
BENCHMARK_CAPTURE(command, out_of_order, "DATA\r\n");
BENCHMARK_CAPTURE(command, bad_address, "MAIL FROM:<chris@@contoso.com>\r\n");

void command_too_long(benchmark::State& run) {
  Session session;
  const std::string text = "MAIL FROM:<" + std::string(4000, 'x') + ">\r\n";
  measure(
      run, [&] { session.say(text, kWhole); }, kHotPath);
}
BENCHMARK(command_too_long);

void session(benchmark::State& run) {
  const ServerOptions of_server = options();
  const std::string text = std::string(kHello) + "QUIT\r\n";
  const auto one = [&] {
    Server server(of_server, kClient);
    server.greet("Fri, 5 Aug 2016 16:24:41 +0000");
    server.feed(text);
    while (server.next().kind != Event::Kind::kClose) continue;
    benchmark::DoNotOptimize(server.output().data());
  };
  measure(run, one);
}
BENCHMARK(session);

}  // namespace
