#include "sink/summary.h"

#include <fmt/format.h>

namespace relais::sink {
namespace {

double in_seconds(Duration time) { return static_cast<double>(time.ns) / 1e9; }

double rate(uint64_t count, Duration time) {
  return time.ns > 0 ? static_cast<double>(count) / in_seconds(time) : 0;
}

double cpu_us_each(Duration cpu, uint64_t messages) {
  return messages > 0 ? static_cast<double>(cpu.ns) / 1e3 / static_cast<double>(messages) : 0;
}

std::string row(std::string_view name, uint64_t value) {
  return fmt::format("{:<24}{:>16}\n", name, value);
}

std::string row(std::string_view name, double value) {
  return fmt::format("{:<24}{:>16.1f}\n", name, value);
}

}  // namespace

std::string summary_table(const Totals& totals, Duration cpu) {
  std::string out = row("sessions", totals.sessions) + row("messages", totals.messages) +
                    row("octets", totals.octets) + row("recipients", totals.recipients) +
                    row("seconds", in_seconds(totals.time)) +
                    row("messages/s", rate(totals.messages, totals.time)) +
                    row("own CPU us/message", cpu_us_each(cpu, totals.messages)) +
                    row("damaged", totals.damaged) + row("duplicates", totals.duplicates) +
                    row("without a mark", totals.unmarked);
  const auto rare = [&out](std::string_view name, uint64_t value) {
    if (value > 0) out += row(name, value);
  };
  rare("messages refused", totals.refused);
  rare("sessions cut", totals.cut);
  rare("connections turned away", totals.turned_away);
  rare("TLS failures", totals.tls_failures);
  rare("not looked up as double", totals.not_compared);
  return out;
}

std::string summary_json(const Totals& totals, Duration cpu) {
  return fmt::format(
      R"({{"sessions":{},"messages":{},"octets":{},"recipients":{},"seconds":{:.3f},)"
      R"("messages_per_s":{:.1f},"cpu_us_per_message":{:.2f},"damaged":{},"duplicates":{},)"
      R"("unmarked":{},"refused":{},"cut":{},"turned_away":{},"tls_failures":{},)"
      R"("not_compared":{}}})"
      "\n",
      totals.sessions, totals.messages, totals.octets, totals.recipients, in_seconds(totals.time),
      rate(totals.messages, totals.time), cpu_us_each(cpu, totals.messages), totals.damaged,
      totals.duplicates, totals.unmarked, totals.refused, totals.cut, totals.turned_away,
      totals.tls_failures, totals.not_compared);
}

std::string progress_line(const Totals& totals, const Totals& before, Duration passed) {
  const auto s = [](uint64_t number) { return number == 1 ? "" : "s"; };
  return fmt::format("{} message{}, {:.0f}/s, {} session{} open, {} damaged, {} duplicate{}",
                     totals.messages, s(totals.messages),
                     rate(totals.messages - before.messages, passed), totals.open, s(totals.open),
                     totals.damaged, totals.duplicates, s(totals.duplicates));
}

}  // namespace relais::sink
