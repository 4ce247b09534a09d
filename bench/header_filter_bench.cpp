// What the header filter costs a message: an ordinary header of nine fields and a body of 4 or 64
// KiB, with and without fields to remove, with the "by" parts of Received looked at, and with a
// From field that gets a display name. Fed in one piece or in pieces of 1,460 octets.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "measure.h"
#include "smtp/header_filter.h"

namespace {

using relais::smtp::DisplayNames;
using relais::smtp::HeaderFilter;
using relais::smtp::HeaderRules;

class OneName : public DisplayNames {
 public:
  [[nodiscard]] std::string_view find(std::string_view) const override { return "Chris Green"; }
};

std::string mail(size_t body) {
  std::string text =
      "Received: from app17.contoso.com (192.168.5.17)\r\n by hub.contoso.com (192.168.5.3)\r\n"
      " with ESMTP id 2f1c0a52-7d3e-8a01-9c44-0123456789ab\r\n for <kate@fabrikam.com>;\r\n"
      " Fri, 5 Aug 2016 16:24:41 +0000\r\n"
      "Date: Fri, 5 Aug 2016 16:24:40 +0000\r\nFrom: chris@contoso.com\r\n"
      "To: Kate <kate@fabrikam.com>\r\nSubject: The nightly report of the database servers\r\n"
      "Message-ID: <20160805162440.17.report@app17.contoso.com>\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nX-Mailer: report 3.1\r\n\r\n";
  const size_t header = text.size();
  while (text.size() < header + body) text.append(76, 'x').append("\r\n");
  return text;
}

void filter_mail(benchmark::State& run, const HeaderRules& rules) {
  const std::string text = mail(static_cast<size_t>(run.range(0)));
  const auto piece_size = static_cast<size_t>(run.range(1));
  HeaderFilter filter;
  filter.reset(rules);
  const auto one_message = [&] {
    filter.reset();
    std::string_view rest = text;
    std::string_view piece;
    size_t passed = 0;
    while (!rest.empty()) {
      filter.feed(rest.substr(0, piece_size));
      rest.remove_prefix(std::min(piece_size, rest.size()));
      while (filter.take(piece)) passed += piece.size();
    }
    filter.finish();
    while (filter.take(piece)) passed += piece.size();
    benchmark::DoNotOptimize(passed);
  };
  relais::bench::measure(run, one_message, relais::bench::kHotPath);
  run.SetItemsProcessed(run.iterations());
}

void keeps_all(benchmark::State& run) { filter_mail(run, {.own_names = {}}); }
void removes_received(benchmark::State& run) {
  filter_mail(run, {.keep_routing = false, .own_names = {}});
}
void looks_for_local_hops(benchmark::State& run) {
  filter_mail(run, {.own_names = {"relay.contoso.com", "192.168.5.2"}});
}
void adds_a_display_name(benchmark::State& run) {
  static const OneName name;
  filter_mail(run, {.display_names = &name, .own_names = {}});
}

void arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"body", "piece"});
  for (const int64_t body : {4 << 10, 64 << 10}) {
    for (const int64_t piece : {1460, 1 << 20}) benchmark->Args({body, piece});
  }
}

BENCHMARK(keeps_all)->Apply(arguments);
BENCHMARK(removes_received)->Apply(arguments);
BENCHMARK(looks_for_local_hops)->Apply(arguments);
BENCHMARK(adds_a_display_name)->Apply(arguments);

}  // namespace
