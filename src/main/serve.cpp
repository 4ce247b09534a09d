#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <latch>
#include <optional>
#include <random>
#include <semaphore>
#include <thread>

#include "admin/live_keeper.h"
#include "admin/metrics_server.h"
#include "admin/notices.h"
#include "admin/override_keeper.h"
#include "admin/pressure_keeper.h"
#include "admin/protocol_log.h"
#include "admin/server_state.h"
#include "admin/trace_server.h"
#include "admin/usage_keeper.h"
#include "base/free_memory.h"
#include "base/gentle_thread.h"
#include "base/idle_time.h"
#include "config/load.h"
#include "config/write_file.h"
#include "main/authentication.h"
#include "main/certificate.h"
#include "main/commands.h"
#include "main/core.h"
#include "main/hop_security.h"
#include "main/listeners.h"
#include "main/needs_restart.h"
#include "main/orders.h"
#include "main/start_report.h"
#include "policy/limits.h"
#include "ring/linux_kernel.h"

namespace relais {
namespace {

using admin::notice;
using admin::plural;

// What a core's thread tells the main thread once it stands, or cannot.
struct Started {
  Core* core = nullptr;
  std::string problem;
  spool::Recovered::Report recovered;
};

// So that places of sources that are gone are free, and figures of the table true.
constexpr Duration kSweepEvery = minutes(10);

// What nobody outside can know (policy/limits.h).
std::array<char, 192> random_secret() {
  std::random_device random;
  std::array<char, 192> bytes{};
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::shared_ptr<const front::ServingPolicy> compile(
    std::vector<policy::ReceiveConnector> connectors, const config::Model& model,
    front::Services services, front::Offers offers) {
  services.book = model.address_book;
  return std::make_shared<const front::ServingPolicy>(
      std::move(connectors), policy::AcceptedDomains(model.accepted_domains), model.server.fqdn,
      std::move(services), offers);
}

class Server {
 public:
  Server(std::string folder, config::Model model)
      : folder_(std::move(folder)),
        model_(std::move(model)),
        limits_(model_.limits.table_memory, random_secret()),
        swept_(kernel_.now()),
        certificates_(kernel_),
        listeners_(kernel_, model_.server.cores.size()),
        usage_(kernel_, model_.server.data_dir),
        pressure_(kernel_, model_.server.data_dir),
        overrides_(model_.server.data_dir),
        live_(kernel_) {}

  int run();

 private:
  [[nodiscard]] bool prepare();
  [[nodiscard]] bool start_metrics();
  [[nodiscard]] bool start_cores();
  void core_thread(uint16_t index, uint64_t salt, std::promise<Started>& started,
                   std::shared_future<bool> go);
  [[nodiscard]] front::Services services_of(const config::Model& model);
  [[nodiscard]] std::string unknown_route(
      const std::vector<policy::ReceiveConnector>& connectors) const;
  [[nodiscard]] front::Offers offers() const;
  void post_policy(std::shared_ptr<const front::ServingPolicy> policy, uint32_t connection_rate);
  void post_limits();
  void drop_unused_policies();
  void sweep_limits();
  void post(ring::Letter::Kind kind, const std::shared_ptr<void>& object = {});
  void post_pressure();
  [[nodiscard]] config::Loaded read_gently() const;
  void reload();
  [[nodiscard]] Orders::Kind next_order();
  void watch(const config::Model& model);
  void tell_state(std::string problem, std::string needs_restart,
                  const std::vector<config::Finding>& findings);
  [[nodiscard]] std::vector<std::string> connector_names() const;
  void publish_metrics();
  void take_orders();
  void publish_live();
  void wait_for_end();

  Orders orders_;
  std::string folder_;
  config::Model model_;
  uint64_t generation_ = 0;
  bool last_reload_taken_ = true;
  WallTime last_reload_;
  ring::LinuxKernel kernel_;
  policy::Limits limits_;
  std::shared_ptr<const policy::LimitSet> limit_set_;  // in force
  uint32_t connection_rate_ = UINT32_MAX;
  Instant swept_;
  Certificates certificates_;
  Authentication authentication_;
  relay::HopSecurities hop_security_;
  upstream::Routes upstream_routes_;  // as hop_security_ of the start
  Listeners listeners_;
  admin::UsageKeeper usage_;
  std::unique_ptr<admin::MetricsServer> metrics_;  // null: [admin] listen is not written
  admin::PressureKeeper pressure_;
  admin::OverrideKeeper overrides_;
  admin::LiveKeeper live_;
  admin::ProtocolLog protocol_log_{kernel_, RELAIS_VERSION};
  admin::TraceServer traces_;
  std::unique_ptr<tls::Handshakes> handshakes_;  // null: on the cores
  front::Neighbours neighbours_;
  std::vector<std::jthread> threads_;
  std::vector<Started> cores_;
  std::vector<std::shared_ptr<const front::ServingPolicy>> policies_;  // back() is in force
  std::promise<bool> go_;
  std::optional<std::latch> done_;
  std::counting_semaphore<> ended_{0};  // cores that are gone
};

// Every open file is a session, so the soft limit is raised to the hard one; what is missing is
// said, not suffered.
void raise_descriptor_limit(const config::Model& model) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  uint64_t sessions = 0;
  for (const auto& connector : model.receive_connectors)
    sessions += connector.max_inbound_connection;
  sessions =
      std::min<uint64_t>(sessions, uint64_t{model.server.max_sessions} * model.server.cores.size());
  if (limit.rlim_cur < sessions + 100) {
    notice(
        "the limit of open files is {}, the connectors allow {} sessions: beyond it connections "
        "wait. Raise it with "
        "`ulimit -n` or LimitNOFILE=",
        limit.rlim_cur, sessions);
  }
}

bool Server::prepare() {
  if (const auto probe = ring::LinuxKernel::probe(); !probe.ok) {
    admin::say("relais: cannot start: {}.\n  cure: {}\n", probe.problem, probe.cure);
    return false;
  }
  const std::string& data = model_.server.data_dir;
  if (const auto made = kernel_.make_directories(data); !made) {
    admin::say("relais: cannot start: cannot make the folder {} (data_dir): {}\n", data,
               describe(made.error()));
    return false;
  }
  const auto lock = kernel_.lock(data + "/lock");
  if (!lock) {
    admin::say("relais: cannot start: {}/lock: {}\n", data,
               lock.error() == Error::kExists ? "another relais uses this data_dir"
                                              : describe(lock.error()));
    return false;
  }
  // Whoever finds it locked may read whom to ask.
  if (ftruncate(*lock, 0) != 0 || dprintf(*lock, "%d\n", getpid()) < 0) {
    admin::say("relais: cannot start: {}/lock cannot be written\n", data);
    return false;
  }
  raise_descriptor_limit(model_);
  auto security = load_hop_security(model_.send_connectors);
  if (!security) {
    admin::say("relais: cannot start: {}\n", security.error());
    return false;
  }
  hop_security_ = std::move(*security);
  upstream_routes_ = upstream_routes(model_.send_connectors, hop_security_);
  std::string problem;
  if (listeners_.prepare(model_.receive_connectors, problem)) return start_metrics();
  admin::say("relais: cannot start: {}\n", problem);
  return false;
}

bool Server::start_metrics() {
  const std::optional<Endpoint>& where = model_.admin.listen;
  if (!where) return true;
  std::string problem;
  metrics_ = admin::MetricsServer::start(*where, problem);
  if (metrics_ != nullptr) return true;
  admin::say(
      "relais: cannot start: [admin] listen = \"{}\": {}.\n  cure: end the program that has this "
      "address, or write another one\n",
      where->to_string(), problem);
  return false;
}

void Server::core_thread(uint16_t index, uint64_t salt, std::promise<Started>& started,
                         std::shared_future<bool> go) {
  pthread_setname_np(pthread_self(), fmt::format("core-{}", index).c_str());
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(model_.server.cores[index], &cpus);
  pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
  std::string problem;
  const Core::Options options{.index = index,
                              .guid_salt = salt,
                              .hop_security = hop_security_,
                              .handshakes = handshakes_.get(),
                              .protocol_log = protocol_log_.tray()};
  auto core = Core::create(kernel_, model_, neighbours_, options, problem);
  if (!core) {
    started.set_value({nullptr, problem + ": " + std::string(describe(core.error())), {}});
    return;
  }
  neighbours_.cores[index]->mailbox = &(*core)->mailbox();
  started.set_value({core->get(), {}, (*core)->spool().report()});
  // Other cores may hand connections over only once every mailbox stands.
  if (go.get()) {
    (*core)->run();
    // Another core may still hand a connection over: mailboxes live until all are done.
    done_->arrive_and_wait();
  }
  core->reset();
  ended_.release();
}

bool Server::start_cores() {
  std::random_device random;
  const uint64_t salt = uint64_t{random()} << 32 | random();
  const auto count = static_cast<uint16_t>(model_.server.cores.size());
  for (uint16_t i = 0; i < count; ++i)
    neighbours_.cores.push_back(std::make_unique<front::Neighbours::Core>());
  neighbours_.gathers = model_.server.gather_sessions && count > 1;
  neighbours_.sessions_max = model_.server.max_sessions;
  neighbours_.idle_time = [this] { return idle_time(model_.server.cores); };
  done_.emplace(count + 1);  // and the main thread
  const uint32_t helpers = model_.tls.handshake_threads.value_or(count);
  if (helpers > 0) handshakes_ = std::make_unique<tls::Handshakes>(helpers);
  std::vector<std::promise<Started>> started(count);
  const std::shared_future<bool> go = go_.get_future().share();
  for (uint16_t i = 0; i < count; ++i) {
    threads_.emplace_back(
        [this, i, salt, &promise = started[i], go] { core_thread(i, salt, promise, go); });
  }
  for (auto& promise : started) cores_.push_back(promise.get_future().get());
  const auto failed =
      std::ranges::find_if(cores_, [](const Started& core) { return core.core == nullptr; });
  if (failed == cores_.end()) {
    for (const Started& core : cores_) usage_.add(core.core->usage_tray());
    return true;
  }
  admin::say("relais: cannot start: {}\n", failed->problem);
  go_.set_value(false);
  threads_.clear();
  return false;
}

// Of what a reload does not change.
front::Offers Server::offers() const {
  return {.require_tls = std::ranges::any_of(model_.send_connectors,
                                             &config::SendConnector::takes_require_tls)};
}

front::Services Server::services_of(const config::Model& model) {
  front::Services services;
  certificates_.load(model, services);
  services.upstream_routes = upstream_routes_;
  services.authenticator = authentication_.load(model.auth, model_.server.cores.size());
  return services;
}

void Server::post_policy(std::shared_ptr<const front::ServingPolicy> policy,
                         uint32_t connection_rate) {
  policies_.push_back(std::move(policy));
  connection_rate_ = connection_rate;
  post_limits();
  traces_.connectors(connector_names());
}

// With the newest policy, which cores take again as it is.
void Server::post_limits() {
  const auto& policy = policies_.back();
  const auto& connectors = policy->snapshot().connectors();
  limit_set_ =
      limits_.compile(connectors, kernel_.now(), connection_rate_, overrides_.apply(connectors));
  for (size_t i = 0; i < cores_.size(); ++i) {
    auto letter =
        std::make_shared<PolicyLetter>(PolicyLetter{policy, listeners_.of_core(i), limit_set_});
    cores_[i].core->mailbox().post(
        {.kind = ring::Letter::Kind::kPolicy, .object = std::move(letter)});
  }
}

// Freeing a table of a million ranges takes tens of milliseconds, which a core does not have: each
// policy has its last owner here.
void Server::drop_unused_policies() {
  std::erase_if(policies_, [](const auto& policy) { return policy.use_count() == 1; });
}

void Server::sweep_limits() {
  if (kernel_.now() - swept_ < kSweepEvery) return;
  swept_ = kernel_.now();
  limits_.sweep(swept_);
}

void Server::post(ring::Letter::Kind kind, const std::shared_ptr<void>& object) {
  for (const Started& core : cores_) core.core->mailbox().post({.kind = kind, .object = object});
}

void Server::post_pressure() {
  const auto letter = pressure_.tick(usage_.cores());
  if (letter != nullptr) post(ring::Letter::Kind::kPressure, letter);
}

// Reading takes seconds for a million ranges, so it is less urgent than the cores, which share its
// CPUs; on a thread of its own, because the way back to urgency needs privileges. Compiling is
// short.
config::Loaded Server::read_gently() const {
  config::Loaded loaded;
  std::jthread([&] {
    go_gently("reload");
    loaded = config::load(folder_, {}, {}, config::Secrets::kRead);
  }).join();
  return loaded;
}

// For `relais shell`, which waits for it after it has changed something.
void Server::tell_state(std::string problem, std::string needs_restart,
                        const std::vector<config::Finding>& findings) {
  std::error_code failed;
  const auto folder = std::filesystem::absolute(folder_, failed);
  admin::ServerState state{.pid = getpid(),
                           .config = failed ? folder_ : folder.string(),
                           .generation = ++generation_,
                           .ok = last_reload_taken_ = problem.empty(),
                           .time = iso8601(last_reload_ = kernel_.wall_now()),
                           .problem = std::move(problem),
                           .needs_restart = std::move(needs_restart),
                           .findings = {}};
  for (const auto& finding : findings) state.findings.push_back(config::to_string(finding));
  const auto written =
      config::write_file(model_.server.data_dir + "/state.json", admin::to_json(state));
  if (!written) notice("state.json: {}", written.error());
}

// Send connectors are those of the start. Empty: there is no problem.
std::string Server::unknown_route(const std::vector<policy::ReceiveConnector>& connectors) const {
  for (const policy::ReceiveConnector& connector : connectors) {
    const std::string& name = connector.upstream_send_connector;
    if (name.empty() || upstream_routes_.contains(name)) continue;
    return fmt::format(
        "connector \"{}\": the Send connector \"{}\" is new, and takes effect at "
        "the next start",
        connector.name, name);
  }
  return {};
}

void Server::reload() {
  using std::chrono::steady_clock;
  const auto begin = steady_clock::now();
  orders_.watch().forget();
  config::Loaded loaded = read_gently();
  for (const auto& finding : loaded.findings) notice("{}", config::to_string(finding));
  if (!loaded.ok) {
    notice("reload: the configuration is not valid; the last good one stays in force");
    const auto error = std::ranges::find(loaded.findings, config::Finding::Severity::kError,
                                         &config::Finding::severity);
    return tell_state(config::to_string(*error), {}, loaded.findings);
  }
  std::string problem = unknown_route(loaded.model.receive_connectors);
  if (!problem.empty() || !listeners_.prepare(loaded.model.receive_connectors, problem)) {
    notice("reload: {}; the last good configuration stays in force", problem);
    return tell_state(problem, {}, loaded.findings);
  }
  const auto read = steady_clock::now();
  auto policy = compile(std::move(loaded.model.receive_connectors), loaded.model,
                        services_of(loaded.model), offers());
  const size_t connectors = policy->snapshot().connectors().size();
  const size_t octets = policy->snapshot().table_octets();
  const size_t domains = loaded.model.accepted_domains.size();
  post_policy(std::move(policy), loaded.model.server.max_connection_rate_per_minute);
  const auto posted = steady_clock::now();
  post(ring::Letter::Kind::kReopenLog);
  pressure_.configure(loaded.model.back_pressure);
  protocol_log_.configure(loaded.model);
  watch(loaded.model);
  const auto ms = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  };
  notice(
      "reload: {} and {} are in force for new sessions (read in {} ms, compiled and handed over in "
      "{} ms; the connector table takes {} KiB)",
      plural(connectors, "connector"), plural(domains, "accepted domain"), ms(read - begin),
      ms(posted - read), (octets + 1023) / 1024);
  const std::string later = needs_restart(loaded.model, model_);
  if (!later.empty()) notice("reload: changes in {} take effect at the next start", later);
  tell_state({}, later, loaded.findings);
}

std::vector<std::string> Server::connector_names() const {
  std::vector<std::string> names;
  for (const auto& connector : policies_.back()->snapshot().connectors())
    names.push_back(connector.name);
  return names;
}

void Server::publish_live() {
  live_.tick({.usage = usage_.since_start(),
              .limits = *limit_set_,
              .names = connector_names(),
              .pressure = pressure_.report(),
              .cores = usage_.cores(),
              .now = {}});
}

void Server::publish_metrics() {
  if (metrics_ == nullptr) return;
  const std::vector<std::string> names = connector_names();
  admin::Metrics metrics{.version = RELAIS_VERSION,
                         .gathered = kernel_.wall_now() + (usage_.counted_until() - kernel_.now()),
                         .config_generation = generation_,
                         .last_reload_taken = last_reload_taken_,
                         .last_reload = last_reload_,
                         .connectors = admin::connector_metrics(usage_.since_start(), names),
                         .limits = {},
                         .resources = pressure_.report().resources,
                         .cores = usage_.cores(),
                         .upstreams = usage_.upstreams(),
                         .protocol_log = protocol_log_.figures()};
  if (handshakes_ != nullptr) metrics.handshakes = handshakes_->figures();
  metrics.limits = admin::limit_metrics(
      *limit_set_, admin::limited_connectors(metrics.connectors, names), kernel_.now());
  metrics_->publish(std::make_shared<const admin::Metrics>(std::move(metrics)));
}

void Server::watch(const config::Model& model) {
  if (model.server.watch_config)
    orders_.watch().start(folder_, model.address_book_file);
  else
    orders_.watch().stop();
}

// While nothing else happens, what the cores count is gathered.
Orders::Kind Server::next_order() {
  while (true) {
    constexpr Duration kTick = seconds(1);
    const Orders::Kind order =
        orders_.wait(std::min(kTick, overrides_.time_left(kernel_.now()).value_or(kTick)));
    if (overrides_.expire(kernel_.now())) post_limits();
    usage_.tick();
    certificates_.tick();
    post_pressure();
    publish_metrics();
    publish_live();
    drop_unused_policies();
    sweep_limits();
    if (order != Orders::Kind::kNone) return order;
  }
}

void Server::take_orders() {
  while (true) {
    switch (next_order()) {
      case Orders::Kind::kNone:
        break;
      case Orders::Kind::kStop:
        return;
      case Orders::Kind::kChanged:
        notice("reload: {} has changed", orders_.changed());
        reload();
        break;
      case Orders::Kind::kReload:
        reload();
        break;
      case Orders::Kind::kLimits:
        if (!overrides_.take_request(policies_.back()->snapshot().connectors(),
                                     {kernel_.now(), kernel_.wall_now()}))
          break;
        post_limits();
        overrides_.answer();
        break;
    }
  }
}

void Server::wait_for_end() {
  take_orders();
  notice("stopping: no new connections; what is under way may finish within {} s",
         model_.server.drain_timeout.seconds());
  if (metrics_ != nullptr) metrics_->set_health(admin::MetricsServer::Health::kDraining);
  neighbours_.draining.store(true, std::memory_order_relaxed);
  post(ring::Letter::Kind::kDrain);
  traces_.stop();
  // The last letter: from here on mailboxes may go.
  done_->count_down();
  // A second signal does not wait: what was acknowledged is on disk in any case.
  Orders::obey_at_once();
  for (size_t gone = 0; gone < cores_.size();) {
    if (ended_.try_acquire_for(std::chrono::seconds(1))) ++gone;
    usage_.tick();
    publish_metrics();
    publish_live();
  }
  threads_.clear();
  protocol_log_.finish();
  metrics_.reset();
  usage_.finish();
  pressure_.finish();
  notice("stopped");
}

int Server::run() {
  signal(SIGPIPE, SIG_IGN);
  if (!prepare() || !start_cores()) return 1;
  usage_.begin(getpid());
  pressure_.begin(getpid());
  live_.begin(getpid(), model_.server.data_dir, model_.server.fqdn, RELAIS_VERSION);
  pressure_.configure(model_.back_pressure);
  protocol_log_.configure(model_);
  traces_.start(model_.server.data_dir, cores_.size(),
                [this](auto taps) { post(ring::Letter::Kind::kTraces, std::move(taps)); });
  overrides_.begin(getpid(), {kernel_.now(), kernel_.wall_now()});
  post_policy(compile(model_.receive_connectors, model_, services_of(model_), offers()),
              model_.server.max_connection_rate_per_minute);
  watch(model_);
  tell_state({}, {}, {});
  publish_metrics();
  if (metrics_ != nullptr) metrics_->set_health(admin::MetricsServer::Health::kOk);
  std::vector<spool::Recovered::Report> recovered;
  for (const Started& core : cores_) recovered.push_back(core.recovered);
  const auto listeners = listeners_.of_core(0);
  StartReport{.model = model_,
              .policy = policies_.back()->snapshot(),
              .listeners = listeners,
              .recovered = recovered,
              .kernel_records = certificates_.kernel_records(model_)}
      .print();
  post_pressure();
  go_.set_value(true);
  wait_for_end();
  return 0;
}

}  // namespace

int serve(const std::string& config_folder) {
  give_back_free_memory();
  config::Loaded loaded = config::load(config_folder, {}, {}, config::Secrets::kRead);
  for (const auto& finding : loaded.findings) admin::say("{}\n", config::to_string(finding));
  if (!loaded.ok) {
    admin::say("relais: cannot start: the configuration in {} is not valid\n", config_folder);
    return 1;
  }
  return Server(config_folder, std::move(loaded.model)).run();
}

}  // namespace relais
