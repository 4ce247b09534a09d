#include "load/run.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>

#include "ledger/file.h"
#include "load/generator.h"
#include "load/report.h"
#include "ring/linux_kernel.h"

namespace relais::load {
namespace {

constexpr uint32_t kBuffers = 4096;
constexpr uint32_t kBufferOctets = 4096;
constexpr uint64_t kOtherDescriptors = 32;

std::atomic<int> stop_wanted = 0;

void on_signal(int /*number*/) { stop_wanted.fetch_add(1, std::memory_order_relaxed); }

template <class... Args>
void complain(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print(stderr, "relais-load: {}\n", fmt::format(format, std::forward<Args>(args)...));
}

struct Cpu {
  Duration user;
  Duration system;
};

Cpu own_cpu() {
  const auto duration = [](const timeval& t) {
    return seconds(t.tv_sec) + microseconds(t.tv_usec);
  };
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {duration(usage.ru_utime), duration(usage.ru_stime)};
}

// Sees the run as it goes: its progress for a person, its messages for the ledger.
class Console final : public Watcher {
 public:
  Console(const Plan& plan, ledger::File* ledger)
      : plan_(plan), ledger_(ledger), is_terminal_(isatty(STDERR_FILENO) == 1) {}
  ~Console() override { clear(); }

  void look(const Tally& tally, Instant now, uint32_t connections) override;
  void counting_begins() override { cpu_ = own_cpu(); }
  void decided(const Message& message, const Verdict& verdict) override;

  void clear() {
    if (is_terminal_ && shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
  }
  [[nodiscard]] const std::optional<Cpu>& cpu_before() const { return cpu_; }
  // Why the ledger is not whole, if it is not.
  [[nodiscard]] std::optional<Error> ledger_failure() const { return ledger_failure_; }
  void finish_ledger() {
    if (ledger_ != nullptr) note(ledger_->flush());
  }

 private:
  void write_line(const ledger::Mark& mark, const Verdict& verdict);
  void note(const Result<void>& written) {
    if (!written && !ledger_failure_) ledger_failure_ = written.error();
  }

  const Plan& plan_;
  ledger::File* ledger_;
  bool is_terminal_;
  bool shown_ = false;
  std::optional<Error> ledger_failure_;
  std::optional<Cpu> cpu_;
  uint64_t seen_ = 0;
  Instant seen_at_{};
};

void Console::look(const Tally& tally, Instant now, uint32_t connections) {
  if (!is_terminal_) return;
  const uint64_t accepted = tally.messages(Fate::kAccepted);
  const double since = static_cast<double>((now - std::max(seen_at_, tally.from())).ns) / 1e9;
  const double rate = since > 0 ? static_cast<double>(accepted - seen_) / since : 0;
  seen_ = accepted;
  seen_at_ = now;
  const Duration counted = now - tally.from();
  const Histogram& latency = tally.latency(Step::kMessage);
  const std::string line =
      counted.ns < 0
          ? fmt::format("warm-up, {:.1f} s left", -static_cast<double>(counted.ns) / 1e9)
          : fmt::format(
                "{:.1f} s: {} accepted, {:.0f}/s, {} failed, p50 {:.2f} ms, p99 {:.2f} ms, "
                "{} connections",
                static_cast<double>(counted.ns) / 1e9, accepted, rate, tally.failures(),
                in_ms(latency.percentile(0.5)), in_ms(latency.percentile(0.99)), connections);
  fmt::print(stderr, "\r\x1b[K{}", line);
  shown_ = true;
}

void Console::decided(const Message& message, const Verdict& verdict) {
  if (ledger_ == nullptr) return;
  write_line(plan_.content->mark_of(*message.body, message.number), verdict);
  note(ledger_->written());
}

// A line for the recipients that share a fate; those that were refused alone have one each.
void Console::write_line(const ledger::Mark& mark, const Verdict& verdict) {
  std::string& out = ledger_->buffer();
  const ledger::Fate fate = verdict.fate == Fate::kAccepted ? ledger::Fate::kAccepted
                            : verdict.uncertain             ? ledger::Fate::kUnknown
                                                            : ledger::Fate::kRefused;
  ledger::begin_sent(out, fate, verdict.code, mark);
  auto refused = verdict.refused.begin();
  for (uint32_t i = 0; i < plan_.recipients.size(); ++i) {
    if (fate == ledger::Fate::kAccepted && refused != verdict.refused.end() &&
        refused->index == i) {
      ++refused;
    } else {
      ledger::append_recipient(out, plan_.recipients[i]);
    }
  }
  ledger::end_line(out);
  if (fate != ledger::Fate::kAccepted) return;
  for (const RefusedRecipient& one : verdict.refused) {
    ledger::begin_sent(out, ledger::Fate::kRefused, one.code, mark);
    ledger::append_recipient(out, plan_.recipients[one.index]);
    ledger::end_line(out);
  }
}

// Each session is an open file.
bool have_descriptors(const Plan& plan) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max >= plan.sessions + kOtherDescriptors) return true;
  complain("{} sessions need as many open files, and {} are allowed: raise it (ulimit -n {})",
           plan.sessions, limit.rlim_max, plan.sessions + kOtherDescriptors);
  return false;
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGXFSZ, SIG_IGN);  // a ledger that may not grow is an error of its write
}

struct Files {
  std::optional<ledger::File> ledger;
  std::optional<std::ofstream> html;
};

bool open_files(const Outputs& outputs, Files& files) {
  if (!outputs.ledger.empty()) {
    auto ledger = ledger::File::open(outputs.ledger, ledger::Kind::kSent);
    if (!ledger) {
      complain("--ledger {}: {}; name a new file, or one that relais-load wrote", outputs.ledger,
               ledger::why_not_open(outputs.ledger, ledger.error()));
      return false;
    }
    files.ledger.emplace(std::move(*ledger));
  }
  if (!outputs.html.empty()) {
    files.html.emplace(outputs.html);
    if (!*files.html) {
      complain("--html {}: {}; name a file that can be written", outputs.html,
               std::strerror(errno));
      return false;
    }
  }
  return true;
}

int status_of(const Run& run) {
  const bool all_good = run.tally.failures() == 0 && run.tally.early_failures() == 0 &&
                        run.tally.partial() == 0 && run.problem.empty();
  return all_good ? 0 : 1;
}

// The exit status.
int report(const Run& run, const Outputs& outputs, Files& files) {
  int status = status_of(run);
  if (!run.problem.empty()) complain("{}", run.problem);
  const bool nothing_happened = !run.problem.empty() && run.tally.latency(Step::kMail).count() == 0;
  if (outputs.json) {
    std::fputs(json_report(run).c_str(), stdout);
  } else if (!nothing_happened) {
    std::fputs(text_report(run).c_str(), stdout);
  }
  if (std::fflush(stdout) != 0) {
    complain("standard output could not be written: {}", std::strerror(errno));
    status = std::max(status, 1);
  }
  if (files.html && !(*files.html << html_report(run) << std::flush)) {
    complain("--html {}: could not be written", outputs.html);
    status = std::max(status, 1);
  }
  return status;
}

}  // namespace

int run(const Plan& plan, const Outputs& outputs) {
  if (!have_descriptors(plan)) return 2;
  if (const auto probe = ring::LinuxKernel::probe(); !probe.ok) {
    complain("{}; {}", probe.problem, probe.cure);
    return 2;
  }
  Files files;
  if (!open_files(outputs, files)) return 2;
  ring::LinuxKernel kernel;
  auto loop = ring::Loop::create(kernel);
  if (!loop) {
    complain("io_uring: {}", relais::describe(loop.error()));
    return 2;
  }
  auto buffers = (*loop)->add_buffers(kBuffers, kBufferOctets);
  if (!buffers) {
    complain("receive buffers: {}", relais::describe(buffers.error()));
    return 2;
  }
  catch_signals();
  Console console(plan, files.ledger ? &*files.ledger : nullptr);
  Generator generator(**loop, **buffers, plan, console, stop_wanted);
  const WallTime began = kernel.wall_now();
  generator.run();
  const Cpu after = own_cpu();
  const Cpu before = console.cpu_before().value_or(after);
  console.clear();
  Run told{.plan = plan,
           .tally = generator.tally(),
           .counted = generator.counted_time(),
           .user_cpu = after.user - before.user,
           .system_cpu = after.system - before.system,
           .began = began,
           .version = RELAIS_VERSION,
           .problem = generator.problem(),
           .interrupted = stop_wanted > 0};
  console.finish_ledger();
  if (const auto why = console.ledger_failure(); why && told.problem.empty()) {
    told.problem = fmt::format("--ledger {}: it could not be written, so it is not whole: {}",
                               outputs.ledger, relais::describe(*why));
  }
  return report(told, outputs, files);
}

}  // namespace relais::load
