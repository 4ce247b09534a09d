#include "ledger/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"

namespace relais::ledger {
namespace {

constexpr std::array<std::string_view, kFindings> kKeys = {
    "missing", "duplicate", "damaged", "unexpected", "unknown_arrived", "unknown_not_there"};

// A peer's words: quoted, and no control gets through.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    // An octet that is no UTF-8 stands there as the character of its number, so that it is JSON.
    const size_t length = utf8_length(text);
    const auto octet = static_cast<uint8_t>(text.front());
    if (length == 0 || octet < ' ' || octet == 0x7f) {
      out += fmt::format("\\u{:04x}", octet);
    } else {
      if (octet == '"' || octet == '\\') out += '\\';
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out + '"';
}

std::string row(std::string_view name, uint64_t count) {
  return fmt::format("{:<20}{:>12}\n", name, count);
}

}  // namespace

std::string comparison_table(const Comparison& comparison) {
  std::string out = "messages x recipients\n";
  out += row("accepted", comparison.accepted) + row("refused", comparison.refused) +
         row("unknown", comparison.unknown) + row("received", comparison.received);
  if (comparison.turned_off > 0) out += row("not taken by sink", comparison.turned_off);
  if (comparison.unmarked > 0) out += row("without a mark", comparison.unmarked);
  out += '\n';
  for (size_t i = 0; i < kFindings; ++i)
    out += row(name_of(static_cast<Finding>(i)), comparison.findings[i].count);
  for (size_t i = 0; i < kFindings; ++i) {
    const Comparison::Of& of = comparison.findings[i];
    if (of.examples.empty()) continue;
    out += fmt::format("\n{}{}:\n", name_of(static_cast<Finding>(i)),
                       of.count > of.examples.size() ? ", the first" : "");
    for (const Example& example : of.examples) {
      out += fmt::format("  run={:016x} n={} {}\n", example.run, example.number,
                         quoted(example.recipient));
    }
  }
  return out + (comparison.good() ? "\ngood\n" : "\nBAD\n");
}

std::string comparison_json(const Comparison& comparison) {
  std::string out = fmt::format(
      R"({{"good":{},"sent":{},"accepted":{},"refused":{},"unknown":{},"received":{},)"
      R"("not_taken":{},"unmarked":{})",
      comparison.good(), comparison.sent, comparison.accepted, comparison.refused,
      comparison.unknown, comparison.received, comparison.turned_off, comparison.unmarked);
  for (size_t i = 0; i < kFindings; ++i) {
    const Comparison::Of& of = comparison.findings[i];
    out += fmt::format(R"(,"{}":{{"count":{},"examples":[)", kKeys[i], of.count);
    for (const Example& example : of.examples) {
      if (&example != of.examples.data()) out += ',';
      out += fmt::format(R"({{"run":"{:016x}","n":{},"recipient":{}}})", example.run,
                         example.number, quoted(example.recipient));
    }
    out += "]}";
  }
  return out + "}\n";
}

}  // namespace relais::ledger
