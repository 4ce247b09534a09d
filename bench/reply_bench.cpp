// What it costs to write down a reply, and the fields that go in front of a message.
//
//   one/...        one reply into a string that has room: short, with the id of a message as text,
//                  too long, with octets that may not stand in a reply
//   group          what answers a pipelined MAIL, RCPT, DATA and its content
//   line           a line that is given whole, such as a banner
//   received, auth_headers
#include <benchmark/benchmark.h>

#include <string>

#include "base/guid.h"
#include "measure.h"
#include "smtp/auth_headers.h"
#include "smtp/received.h"
#include "smtp/reply.h"

namespace {

using namespace relais::bench;
using namespace relais::smtp;

// `append(out)` into a string that is taken away each time.
template <class Append>
void write(benchmark::State& run, Append append) {
  std::string out;
  append(out);
  const size_t octets = out.size();
  const auto write_again = [&] {
    out.clear();
    append(out);
    benchmark::DoNotOptimize(out.data());
  };
  measure(run, write_again, kHotPath);
  run.SetBytesProcessed(run.iterations() * static_cast<int64_t>(octets));
}

void one(benchmark::State& run, const Reply& what) {
  write(run, [&](std::string& out) { append_reply(out, what, true); });
}
const std::string kTooLong(600, 'x');
const std::string kDirty = "the next hop said: \t\xc3\xa9\x01" + std::string(40, '\x7f');
BENCHMARK_CAPTURE(one, sender_ok, replies::kSenderOk);
BENCHMARK_CAPTURE(one, start_mail_input, replies::kStartMailInput);
BENCHMARK_CAPTURE(one, too_long, Reply{451, {4, 7, 0}, kTooLong});
BENCHMARK_CAPTURE(one, dirty, Reply{451, {4, 7, 0}, kDirty});

void append_queued(std::string& out, std::string& text, uint64_t number) {
  const relais::Guid::Text id = relais::make_guid(17, 1, number).text();
  text.clear();
  text.append(1, '<').append(relais::view(id)).append("> Queued mail for delivery");
  append_reply(out, {250, {2, 6, 0}, text}, true);
}

void one_queued(benchmark::State& run) {
  std::string text;
  uint64_t number = 0;
  write(run, [&](std::string& out) { append_queued(out, text, ++number); });
}
BENCHMARK(one_queued)->Name("one/queued");

void group(benchmark::State& run) {
  std::string text;
  uint64_t number = 0;
  write(run, [&](std::string& out) {
    append_reply(out, replies::kSenderOk, true);
    append_reply(out, replies::kRecipientOk, true);
    append_reply(out, replies::kStartMailInput, true);
    append_queued(out, text, ++number);
  });
}
BENCHMARK(group);

void line(benchmark::State& run) {
  write(run, [](std::string& out) {
    append_line(out,
                "220 relay.contoso.com ESMTP MAIL Service ready at Fri, 5 Aug 2016 16:24:41 "
                "+0000");
  });
}
BENCHMARK(line);

void received(benchmark::State& run) {
  const ReceivedInfo info{.hello = "app17.contoso.com",
                          .client_ip = "192.168.5.17",
                          .fqdn = "relay.contoso.com",
                          .local_ip = "192.168.5.2",
                          .tls = "version=TLSv1.3, cipher=TLS_AES_128_GCM_SHA256",
                          .id = "2f1c0a52-7d3e-8a01-9c44-0123456789ab",
                          .recipient = "kate@fabrikam.com",
                          .date = "Fri, 5 Aug 2016 16:24:41 +0000"};
  write(run, [&](std::string& out) { append_received(out, info); });
}
BENCHMARK(received);

void auth_headers(benchmark::State& run) {
  const AuthStamp stamp{
      .internal = true, .source = "relay.contoso.com", .mechanism = kExternallySecured};
  write(run, [&](std::string& out) { append_auth_headers(out, stamp); });
}
BENCHMARK(auth_headers);

}  // namespace
