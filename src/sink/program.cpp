#include "sink/program.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <thread>

#include "ring/claim.h"
#include "ring/linux_kernel.h"
#include "sink/sink.h"
#include "sink/summary.h"

namespace relais::sink {
namespace {

constexpr int64_t kTickNs = 1'000'000'000;

// A standard error that cannot be written to is no reason to stop.
void put(const std::string& text) { std::fputs(text.c_str(), stderr); }

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  put(fmt::format("relais-sink: {}\n", fmt::format(format, std::forward<Args>(args)...)));
}

Duration cpu_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& time) {
    return Duration{time.tv_sec * 1'000'000'000 + time.tv_usec * 1'000};
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// What ends a run, and SIGUSR1, by which a thread wakes us. Blocked in all threads; waited for
// here.
sigset_t signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, number);
  return set;
}

class Program {
 public:
  explicit Program(Options options) { shared_.options = std::move(options); }
  int run();

 private:
  using Listeners = std::vector<std::vector<Listener>>;  // of each thread
  bool load_certificate();
  bool listen(Listeners& listeners);
  bool listen_at(Endpoint endpoint, Listeners& listeners);
  bool start(Listeners listeners, std::optional<ledger::File> ledger);
  void serve(uint32_t index, std::vector<Listener> listeners, std::optional<ledger::File> ledger,
             std::promise<Result<Sink*>> started);
  void wait();
  [[nodiscard]] Totals totals() const;
  void show_progress();

  Shared shared_;
  ring::LinuxKernel kernel_;
  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  bool on_terminal_ = false;
  Totals shown_;
  Instant shown_at_;
};

int Program::run() {
  const sigset_t set = signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a ledger that may not grow is an error of its write
  raise_descriptor_limit();
  const Options& options = shared_.options;
  const auto probe = ring::LinuxKernel::probe();
  if (!probe.ok) {
    say("{}: {}", probe.problem, probe.cure);
    return 1;
  }
  if (!options.tls_certificate.empty() && !load_certificate()) return 2;
  std::optional<ledger::File> ledger;
  if (!options.ledger.empty()) {
    auto file = ledger::File::open(options.ledger, ledger::Kind::kReceived);
    if (!file) {
      const bool foreign = file.error() == Error::kCorrupt;
      say("--ledger {}: {}", options.ledger,
          foreign ? "it is there, and is no whole ledger of a sink; move it away"
                  : ledger::why_not_open(options.ledger, file.error()));
      return 2;
    }
    ledger.emplace(std::move(*file));
  }
  Listeners listeners(options.threads);
  if (!listen(listeners) || !start(std::move(listeners), std::move(ledger))) return 1;
  on_terminal_ = !options.quiet && isatty(STDERR_FILENO) == 1;
  wait();
  for (const auto& sink : sinks_) sink->drain();
  for (std::thread& thread : threads_) thread.join();
  if (on_terminal_) put("\r\x1b[K");
  const std::string summary =
      options.json ? summary_json(totals(), cpu_time()) : summary_table(totals(), cpu_time());
  std::fputs(summary.c_str(), stdout);
  sinks_.clear();  // writes what is left of the ledger
  if (!shared_.failed) return 0;
  say("--ledger {}: it could not be written, so it is not whole: {}", options.ledger,
      describe(shared_.failure));
  return 1;
}

bool Program::load_certificate() {
  tls::ServerSettings settings;
  settings.certificates.push_back({shared_.options.tls_certificate, shared_.options.tls_key});
  auto keys = std::make_shared<tls::TicketKeys>(kernel_.now());
  auto loaded = tls::ServerContext::load(settings, std::move(keys), kernel_.wall_now());
  shared_.tls = std::move(loaded.context);
  if (shared_.tls != nullptr) return true;  // one that has expired is good enough here
  for (const tls::Finding& finding : loaded.findings) {
    if (finding.severity != tls::Finding::Severity::kError) continue;
    say("{}", tls::to_string(finding));
    break;
  }
  return false;
}

bool Program::listen(Listeners& listeners) {
  for (const Endpoint& endpoint : shared_.options.listen) {
    if (!listen_at(endpoint, listeners)) return false;
  }
  return true;
}

// One socket a thread; where the kernel chooses the port, the first one's is everybody's.
bool Program::listen_at(Endpoint endpoint, Listeners& listeners) {
  const auto failed = [&](Error error) {
    say("cannot listen on {}: {}", endpoint.to_string(), describe(error));
    return false;
  };
  if (endpoint.port != 0) {
    if (const auto free = ring::claim_in_time(kernel_, endpoint); !free)
      return failed(free.error());
  }
  for (auto& of_thread : listeners) {
    const auto fd = kernel_.listen(endpoint);
    if (!fd) return failed(fd.error());
    const auto local = kernel_.local_endpoint(*fd);
    if (!local) return failed(local.error());
    endpoint.port = local->port;
    of_thread.push_back({endpoint, *fd});
  }
  return true;
}

bool Program::start(Listeners listeners, std::optional<ledger::File> ledger) {
  shared_.wake_main = [] { kill(getpid(), SIGUSR1); };
  for (uint32_t i = 0; i < listeners.size(); ++i) {
    std::optional<ledger::File> own;
    if (ledger) {
      auto again = ledger->again();
      if (again) own.emplace(std::move(*again));
    }
    std::promise<Result<Sink*>> started;
    auto future = started.get_future();
    const std::vector<Listener> at = listeners[i];
    threads_.emplace_back(&Program::serve, this, i, at, std::move(own), std::move(started));
    const Result<Sink*> sink = future.get();
    if (sink) continue;
    say("thread {} could not start: {}", i + 1, describe(sink.error()));
    for (const auto& running : sinks_) running->drain();
    for (std::thread& thread : threads_) thread.join();
    return false;
  }
  // Tests and scripts wait for these lines.
  for (const Listener& listener : listeners.front())
    say("listening on {}", listener.endpoint.to_string());
  return true;
}

// A ring belongs to the thread that made it.
void Program::serve(uint32_t index, std::vector<Listener> listeners,
                    std::optional<ledger::File> ledger, std::promise<Result<Sink*>> started) {
  auto sink = Sink::create(kernel_, shared_, index, std::move(listeners), std::move(ledger));
  if (!sink) return started.set_value(std::unexpected(sink.error()));
  Sink& mine = **sink;
  sinks_.push_back(std::move(*sink));  // the main thread waits meanwhile
  started.set_value(&mine);
  while (mine.turn()) {
  }
}

// Until it is time to end.
void Program::wait() {
  const sigset_t set = signals();
  const Options& options = shared_.options;
  const Instant end = kernel_.now() + options.run_for;
  shown_at_ = kernel_.now();
  for (;;) {
    int64_t ns = kTickNs;
    if (options.run_for.ns > 0) ns = std::min(ns, (end - kernel_.now()).ns);
    if (ns <= 0) return;
    const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
    if (sigtimedwait(&set, nullptr, &time) > 0) return;
    if (on_terminal_) show_progress();
  }
}

Totals Program::totals() const {
  Totals totals;
  for (const auto& sink : sinks_) totals.add(sink->figures());
  return totals;
}

void Program::show_progress() {
  const Totals now = totals();
  const Instant at = kernel_.now();
  put(fmt::format("\r{}\x1b[K", progress_line(now, shown_, at - shown_at_)));
  shown_ = now;
  shown_at_ = at;
}

}  // namespace

int run_program(Options options) { return Program(std::move(options)).run(); }

}  // namespace relais::sink
