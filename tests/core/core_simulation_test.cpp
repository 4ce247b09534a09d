// A whole core (ring, smtp, policy, spool, front, relay, log) on the simulated kernel, from client
// bytes to next hop, under seeded faults, kills and power cuts. What must hold whatever happens:
// every message that a client saw a 250 for arrives at every recipient at least once and unchanged,
// or its sender is told or it is kept in the failed folder; without kills and broken connections
// exactly once; and at rest nothing is left over. The same over TLS, where nothing may go out in
// the clear that must not.
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "admin/usage_totals.h"
#include "core/mail_peers.h"
#include "core/peer_tls.h"
#include "main/core.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_network.h"
#include "simulation/sim_seed.h"
#include "simulation/sim_world.h"

namespace relais::test {
namespace {

using namespace relais::simulation;

const Endpoint kListen{IpAddress::v4(0x7f000001), 25};
const Endpoint kHopA{IpAddress::v4(0x0a000001), 25};
const Endpoint kHopB{IpAddress::v4(0x0a000002), 25};

config::Model small_model() {
  config::Model model;
  model.server.fqdn = "relay.example";
  model.server.cores = {0};
  model.server.data_dir = "/data";
  model.server.log_file = "/data/log";
  model.server.drain_timeout = seconds(5);
  model.server.max_sessions = 12;  // small, so that exhaustion is a common path
  model.server.receive_buffers = 16 * 16'384;
  model.server.message_memory = 64 * 16'384;
  model.spool.segment_size = 1 << 20;
  model.spool.max_size = 8 << 20;
  model.retry.first = seconds(1);
  model.retry.max = seconds(20);
  model.send_connectors.resize(2);
  config::SendConnector& far = model.send_connectors[0];
  far.name = "far";
  far.address_spaces = {{.domain = "*"}};
  far.smart_hosts = {kHopA, kHopB};
  far.max_connections = 3;
  far.max_messages_per_connection = 7;
  config::SendConnector& local = model.send_connectors[1];
  local.name = "local";
  local.address_spaces = {{.domain = std::string(kLocalDomain)}};
  local.kind = config::DeliveryKind::kMaildir;
  local.maildir = "/mail";
  policy::ReceiveConnector connector;
  connector.name = "all";
  connector.bindings = {{kListen}};
  connector.remote_ranges = {*policy::AddressRange::parse("0.0.0.0/0")};
  connector.permission_groups.add(policy::PermissionGroup::kAnonymousUsers);
  connector.permissions = {
      {policy::Principal::kAnonymous, policy::mask(policy::Right::kAcceptAnyRecipient), false}};
  model.receive_connectors = {connector};
  return model;
}

// How far mail goes over TLS.
enum class Security : uint8_t { kNone, kOpportunistic, kRequired };

struct Secured {
  SinkTls sink;
  relay::HopSecurities hops;
};

Secured secured(Security security, config::Model& model) {
  Secured all{{}, relay::HopSecurities(model.send_connectors.size())};
  if (security == Security::kNone) return all;
  const bool required = security == Security::kRequired;
  all.sink = {tls_server_for("mx.example"), required};
  all.hops[0].tls = tls_client(required);
  if (!required) return all;
  all.hops[0].credentials = std::make_shared<const smtp::Credentials>("relay", "secret");
  config::SendConnector& far = model.send_connectors[0];
  far.tls_auth_level = config::TlsAuthLevel::kDomainValidation;
  far.tls_domain = "mx.example";
  far.auth = config::SmartHostAuth::kBasicAuthRequireTls;
  return all;
}

// One run of the program on a world that outlives it.
class Life {
 public:
  // With `step_events` so small that nearly every session is interrupted, if not said otherwise.
  Life(SimWorld& world, const config::Model& model, const relay::HopSecurities& hops,
       uint32_t step_events = 0)
      : world_(world),
        kernel_(world),
        model_(model),
        hops_(hops),
        step_events_(step_events > 0 ? step_events : static_cast<uint32_t>(1 + world.seed() % 5)) {
    neighbours_.cores.push_back(std::make_unique<front::Neighbours::Core>());
  }

  bool start() {
    std::string problem;
    if (!kernel_.make_directories("/data")) return false;
    auto core = Core::create(
        kernel_, model_, neighbours_,
        {.index = 0,
         .guid_salt = kernel_.wall_now().ns < 0 ? 1U : static_cast<uint64_t>(kernel_.wall_now().ns),
         .hop_security = hops_,
         .step_events = step_events_},
        problem);
    if (!core) problem_ = problem + ": " + std::string(describe(core.error()));
    if (!core) return false;
    core_ = std::move(*core);
    const spool::Recovered::Report& report = core_->spool().report();
    world_.note("recovered %lu messages of %u segments, %lu unfinished, %lu records lost",
                static_cast<unsigned long>(report.messages), report.segments,
                static_cast<unsigned long>(report.unacknowledged),
                static_cast<unsigned long>(report.lost_records));
    const auto fd = kernel_.listen(kListen);
    if (!fd) return false;
    core_->apply({std::make_shared<const front::ServingPolicy>(
                      model_.receive_connectors, policy::AcceptedDomains{}, "relay.example"),
                  {{kListen, *fd}}});
    return true;
  }

  Core& core() { return *core_; }
  // Ends it in order; what it has counted.
  std::vector<std::unique_ptr<admin::UsageTable>> end() {
    const auto tray = core_->usage_tray();
    core_.reset();
    return tray->take();
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  SimWorld& world_;
  SimKernel kernel_;
  const config::Model& model_;
  const relay::HopSecurities& hops_;
  uint32_t step_events_;
  front::Neighbours neighbours_;
  std::unique_ptr<Core> core_;
  std::string problem_;
};

class Story {
 public:
  Story(uint64_t seed, Security security)
      : world_(seed),
        prng_(seed * 2 + 1),
        model_(small_model()),
        security_(security),
        secured_(secured(security, model_)) {
    model_.notifications.enabled = seed % 3 != 0;
    for (const Endpoint& hop : {kHopA, kHopB}) {
      world_.network().serve(
          hop, [this] { return std::make_shared<Sink>(ledger_, manner_, prng_, secured_.sink); });
    }
  }

  void misbehave() {
    world_.set_faults(Faults::draw(prng_));
    draw_manner();
  }

  // A life with clients that come and go, ended by a power cut, a kill, or in order.
  void troubled_life() {
    Life life(world_, model_, secured_.hops);
    if (!life.start()) {
      world_.note("could not start");
      world_.kill();
      return world_.pass(seconds(1));
    }
    const uint64_t clients = prng_.between(1, 15);
    for (uint64_t i = 0; i < clients; ++i) {
      world_.after(milliseconds(static_cast<int64_t>(prng_.below(3000))), [this] { submit(); });
    }
    const Instant end = world_.now() + milliseconds(static_cast<int64_t>(prng_.below(15'000)));
    world_.after(end - world_.now(), [] {});  // an idle program would wait for ever
    while (world_.now() < end && life.core().turn()) check(life.core());
    switch (prng_.below(3)) {
      case 0:
        world_.note("power cut");
        killed_ = true;
        return world_.crash();
      case 1:
        world_.note("kill");
        killed_ = true;
        return world_.kill();
      default:
        life.core().drain();
        for (int turns = 0; turns < 200'000 && life.core().turn(); ++turns) check(life.core());
        killed_ = true;  // the end of a drain may cut a delivery short
        return world_.kill();
    }
  }

  // No more trouble: everything that is left must arrive, and nothing be left over.
  void last_life() {
    world_.set_faults({});
    manner_ = {};
    for (const Endpoint& hop : {kHopA, kHopB})
      world_.network().set_manner(hop, SimNetwork::Manner::kAccept);
    Life life(world_, model_, secured_.hops);
    ASSERT_TRUE(life.start()) << life.problem();
    const uint32_t acknowledged_before = ledger_.acknowledged;
    for (int i = 0; i < 3; ++i) submit();
    const Instant end = world_.now() + hours(2);
    world_.after(hours(2), [] {});
    while (world_.now() < end) {
      ASSERT_TRUE(life.core().turn());
      check(life.core());
      if (at_rest(life.core())) break;
    }
    const Core& core = life.core();
    const uint32_t acknowledged = ledger_.acknowledged - acknowledged_before;
    EXPECT_TRUE(at_rest(core)) << core.spool().figures().messages
                               << " messages are left in the spool, "
                               << core.front().session_count() << " sessions, "
                               << core.relay().figures().in_work << " in work";
    EXPECT_EQ(core.front().lent_buffers(), 0U);
    EXPECT_EQ(core.spool().figures().free_blocks, 64U);
    verify();
    life.core().drain();
    int turns = 0;
    while (turns < 10'000 && life.core().turn()) ++turns;
    EXPECT_LT(turns, 10'000) << "the drain does not end";
    verify_counts(life.end(), acknowledged);
    world_.kill();
  }

  // Both hosts refuse; then one is silent, and while that is found out the other's turn comes.
  void one_is_slow_to_fail() {
    using enum SimNetwork::Manner;
    world_.network().set_manner(kHopA, kRefuse);
    world_.network().set_manner(kHopB, kRefuse);
    Life life(world_, model_, secured_.hops);
    ASSERT_TRUE(life.start()) << life.problem();
    submit();
    run(life, milliseconds(500));
    world_.network().set_manner(kHopA, kSilent);
    run(life, seconds(20));
    world_.network().set_manner(kHopB, kAccept);
    run(life, minutes(10));
    EXPECT_TRUE(at_rest(life.core())) << "the other one is never tried again";
    world_.kill();
  }

  void set_faults(const Faults& faults) { world_.set_faults(faults); }
  SimWorld& world() { return world_; }

 private:
  void draw_manner() {
    const auto rate = [this] {
      return prng_.one_in(3) ? static_cast<uint32_t>(prng_.between(2, 20)) : 0U;
    };
    manner_ = {.recipient_later = rate(),
               .message_later = rate(),
               .close_in_data = rate(),
               .close_before_reply = rate(),
               .pipelining = !prng_.one_in(3)};
    if (security_ != Security::kNone) {
      manner_.tls_refused = rate();
      manner_.tls_nonsense = rate();
      manner_.tls_cut = rate();
      manner_.logon_later = rate();
    }
    using enum SimNetwork::Manner;
    constexpr SimNetwork::Manner kManners[] = {kAccept, kAccept, kRefuse, kSilent};
    world_.network().set_manner(kHopB, kManners[prng_.below(4)]);
    if (prng_.one_in(4)) world_.network().set_manner(kHopA, kManners[prng_.below(4)]);
    uncertain_ = manner_.close_in_data != 0 || manner_.close_before_reply != 0;
  }

  void submit() {
    auto client = std::make_shared<Submitter>(
        ledger_, prng_, static_cast<uint32_t>(prng_.between(1, 8)), prng_.one_in(2));
    clients_.push_back(client);
    world_.network().connect(client, {IpAddress::v4(0x7f000002), 0}, kListen);
  }

  void check(const Core& core) {
    if (++checks_ % 64 == 0) core.spool().invariants();
    ASSERT_TRUE(ledger_.complaint.empty()) << ledger_.complaint;
  }

  void run(Life& life, Duration duration) {
    const Instant end = world_.now() + duration;
    world_.after(duration, [] {});
    while (world_.now() < end && life.core().turn()) check(life.core());
  }

  [[nodiscard]] bool at_rest(const Core& core) const {
    for (const auto& client : clients_) {
      if (!client->done()) return false;
    }
    return core.spool().figures().messages == 0 && core.front().session_count() == 0 &&
           core.spool().at_rest();
  }

  // What lies in a Maildir's new folder, by id.
  std::map<uint64_t, std::string> files(const std::string& folder) {
    std::map<uint64_t, std::string> found;
    SimKernel kernel(world_);
    const auto names = kernel.list(folder + "/new");
    if (!names) return found;
    for (const std::string& name : *names) {
      const auto fd = kernel.open(folder + "/new/" + name, ring::OpenMode::kRead);
      std::string text(*kernel.size(*fd), '\0');
      [[maybe_unused]] const auto octets =
          kernel.read_at(*fd, std::as_writable_bytes(std::span(text)), 0);
      kernel.close(*fd);
      found[Ledger::id_in(text)] += text;
    }
    return found;
  }

  void verify() {
    const auto local = files("/mail");
    const auto failed = files("/data/failed");
    const bool exactly_once = !killed_ && !uncertain_ && world_.count(Fault::kReset) == 0;
    for (const auto& [id, mail] : ledger_.all()) {
      if (!mail.acknowledged) continue;
      for (const std::string& recipient : mail.recipients) {
        const bool is_local = recipient.ends_with(kLocalDomain);
        const bool is_refused = !is_local && recipient.starts_with(kRefused);
        const auto& files = is_local ? local : failed;
        const auto arrived = mail.arrived.find(recipient);
        const uint32_t times = arrived == mail.arrived.end() ? 0 : arrived->second;
        if (is_refused && model_.notifications.enabled) {
          const auto told = mail.told.find(recipient);
          ASSERT_TRUE(told != mail.told.end())
              << "message " << id << " failed and its sender does not know, for " << recipient;
          ASSERT_TRUE(told->second == 1 || !exactly_once)
              << "message " << id << ": told " << told->second << " times of " << recipient;
        } else if (is_local || is_refused) {
          const auto file = files.find(id);
          ASSERT_TRUE(file != files.end() && file->second.find(recipient) != std::string::npos)
              << "message " << id << " was acknowledged and is not in the folder for " << recipient;
        } else {
          ASSERT_GE(times, 1U) << "message " << id << " was acknowledged and never arrived at "
                               << recipient;
          ASSERT_TRUE(times == 1 || !exactly_once)
              << "message " << id << " arrived " << times << " times at " << recipient;
        }
      }
    }
  }

  // Without trouble everything that a core counts is exact: each message once, each session's
  // beginning and its end.
  void verify_counts(const std::vector<std::unique_ptr<admin::UsageTable>>& tables,
                     uint32_t acknowledged) const {
    admin::UsageTotals totals;
    for (const auto& table : tables) totals.add(*table);
    const admin::UsageFigures& sum = totals.connectors["all"].sum;
    EXPECT_GE(sum.connections, 3U);  // clients of an earlier life may come late
    EXPECT_EQ(sum.ended, sum.connections);
    EXPECT_LE(sum.messages, acknowledged);
    // A 250 of an earlier life may still have been under way when this one began.
    EXPECT_TRUE(killed_ || sum.messages == acknowledged)
        << sum.messages << " counted, " << acknowledged << " acknowledged";
    EXPECT_EQ(sum, totals.connectors["all"].ranges.begin()->second);
  }

  SimWorld world_;
  Prng prng_;
  config::Model model_;
  Security security_;
  Secured secured_;
  Ledger ledger_;
  SinkManner manner_;
  std::vector<std::shared_ptr<Submitter>> clients_;
  bool killed_ = false;
  bool uncertain_ = false;
  uint64_t checks_ = 0;
};

void tell(uint64_t seed, Security security) {
  Story story(seed, security);
  draw_tls_from(seed);
  const uint64_t lives = seed % 4;
  for (uint64_t life = 0; life < lives; ++life) {
    story.misbehave();
    story.troubled_life();
    if (::testing::Test::HasFailure()) return;
  }
  story.last_life();
}

TEST(core_simulation, nothing_acknowledged_is_lost_whatever_happens) {
  for_each_seed(1000, [](uint64_t seed) { tell(seed, Security::kNone); });
}

TEST(core_simulation, a_host_that_is_slow_to_fail_does_not_keep_the_others_from_being_tried) {
  for_each_seed(20, [](uint64_t seed) {
    Story story(seed, Security::kNone);
    story.one_is_slow_to_fail();
  });
}

TEST(core_simulation, nor_over_tls) {
  for_each_seed(300, [](uint64_t seed) {
    tell(seed, seed % 3 == 0 ? Security::kOpportunistic : Security::kRequired);
  });
}

// Sends so many commands in one go.
class Flooder final : public SimPeer {
 public:
  explicit Flooder(uint32_t commands) : commands_(commands) {}
  void on_bytes(std::string_view bytes) override {
    replies_ += static_cast<uint32_t>(std::ranges::count(bytes, '\n'));
    if (std::exchange(begun_, true)) return;
    std::string all;
    for (uint32_t i = 0; i < commands_; ++i) all += "NOOP\r\n";
    write(all);
  }
  // Behind the greeting.
  [[nodiscard]] uint32_t replies() const { return replies_ - 1; }

 private:
  uint32_t commands_;
  uint32_t replies_ = 0;
  bool begun_ = false;
};

TEST(core_simulation, a_flood_of_commands_is_shared_out_over_turns) {
  constexpr uint32_t kCommands = 1000;
  constexpr uint32_t kShare = 10;
  const config::Model model = small_model();
  const relay::HopSecurities hops(model.send_connectors.size());
  for_each_seed(50, [&](uint64_t seed) {
    SimWorld world(seed);
    Life life(world, model, hops, kShare);
    ASSERT_TRUE(life.start()) << life.problem();
    const auto flooder = std::make_shared<Flooder>(kCommands);
    world.network().connect(flooder, {IpAddress::v4(0x7f000002), 0}, kListen);
    uint32_t turns = 0;
    while (flooder->replies() != kCommands && turns < 10 * kCommands && life.core().turn()) ++turns;
    EXPECT_EQ(flooder->replies(), kCommands);
    // A step of its own and one at the end of the turn.
    EXPECT_GE(turns, kCommands / (2 * kShare));
    world.kill();
  });
}

}  // namespace
}  // namespace relais::test
