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

config::Model small_model(uint32_t cores = 1) {
  config::Model model;
  model.server.fqdn = "relay.example";
  model.server.cores.resize(cores);
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

// One run of the program on a world that outlives it: as many cores as the model has, in turn.
class Life {
 public:
  // With `step_events` so small that nearly every session is interrupted, if not said otherwise.
  Life(SimWorld& world, const config::Model& model, const relay::HopSecurities& hops,
       uint32_t step_events = 0, std::optional<RecordKinds> tls = {})
      : world_(world),
        prng_(world.seed()),
        kernel_(world),
        model_(model),
        hops_(hops),
        tls_(tls),
        step_events_(step_events > 0 ? step_events : static_cast<uint32_t>(1 + world.seed() % 5)) {
    for (size_t i = 0; i < model.server.cores.size(); ++i)
      neighbours_.cores.push_back(std::make_unique<front::Neighbours::Core>());
    neighbours_.gathers = model.server.gather_sessions && neighbours_.cores.size() > 1;
    neighbours_.sessions_max = model.server.max_sessions;
    neighbours_.window = milliseconds(5);
    if (tls_) kernel_.set_record_kinds(*tls_);
    // Any core may have been busy or not, and be opened or closed: sessions go to and fro.
    kernel_.set_busy_time([this] {
      busy_ = busy_ + milliseconds(static_cast<int64_t>(prng_.below(8)));
      return busy_;
    });
  }

  bool start() {
    if (!kernel_.make_directories("/data")) return false;
    for (uint16_t i = 0; i < neighbours_.cores.size(); ++i) {
      if (!create_core(i)) return false;
    }
    front::Services services;
    if (tls_) services.tls[{"", false}] = tls_server_for("relay.example", *tls_);
    const auto policy = std::make_shared<const front::ServingPolicy>(
        model_.receive_connectors, policy::AcceptedDomains{}, "relay.example", services);
    for (const auto& core : cores_) {
      const auto fd = kernel_.listen(kListen);
      if (!fd) return false;
      core->apply({policy, {{kListen, *fd}}});
    }
    return true;
  }

  // Each core has one. False: all have ended. One that has is asked again, so that nothing waits in
  // its ring.
  bool turn() {
    bool goes_on = false;
    if (prng_.one_in(20)) neighbours_.open = 1 + static_cast<uint32_t>(prng_.below(cores_.size()));
    for (const auto& core : cores_) goes_on |= core->turn();
    return goes_on;
  }
  void drain() {
    neighbours_.draining = true;
    for (const auto& core : cores_) core->drain();
  }
  [[nodiscard]] const std::vector<std::unique_ptr<Core>>& cores() const { return cores_; }
  [[nodiscard]] uint64_t sessions_moved() const {
    uint64_t sum = 0;
    for (const auto& core : cores_) sum += core->front().sessions_given_away();
    return sum;
  }
  void refuse_send_keys() { kernel_.refuse_send_keys(); }
  [[nodiscard]] uint64_t sessions_given_to_kernel() const {
    uint64_t sum = 0;
    for (const auto& core : cores_) sum += core->front().sessions_given_to_kernel();
    return sum;
  }
  // Ends it in order; what it has counted.
  std::vector<std::unique_ptr<admin::UsageTable>> end() {
    std::vector<std::unique_ptr<admin::UsageTable>> tables;
    for (auto& core : cores_) {
      const auto tray = core->usage_tray();
      core.reset();
      std::ranges::move(tray->take().tables, std::back_inserter(tables));
    }
    cores_.clear();
    return tables;
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool create_core(uint16_t index) {
    std::string problem;
    const int64_t now = kernel_.wall_now().ns;
    auto core = Core::create(kernel_, model_, neighbours_,
                             {.index = index,
                              .guid_salt = now < 0 ? 1U : static_cast<uint64_t>(now),
                              .hop_security = hops_,
                              .step_events = step_events_},
                             problem);
    if (!core) problem_ = problem + ": " + std::string(describe(core.error()));
    if (!core) return false;
    neighbours_.cores[index]->mailbox = &(*core)->mailbox();
    cores_.push_back(std::move(*core));
    const spool::Recovered::Report& report = cores_.back()->spool().report();
    world_.note("recovered %lu messages of %u segments, %lu unfinished, %lu records lost",
                static_cast<unsigned long>(report.messages), report.segments,
                static_cast<unsigned long>(report.unacknowledged),
                static_cast<unsigned long>(report.lost_records));
    return true;
  }

  SimWorld& world_;
  Prng prng_;
  SimKernel kernel_;
  const config::Model& model_;
  const relay::HopSecurities& hops_;
  std::optional<RecordKinds> tls_;  // of clients; null: none
  uint32_t step_events_;
  Duration busy_{};
  front::Neighbours neighbours_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::string problem_;
};

class Story {
 public:
  // `tls`: clients are in TLS, and the kernel makes such records.
  Story(uint64_t seed, Security security, uint32_t cores = 1, std::optional<RecordKinds> tls = {})
      : world_(seed),
        prng_(seed * 2 + 1),
        model_(small_model(cores)),
        security_(security),
        tls_(tls),
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
    Life life(world_, model_, secured_.hops, 0, tls_);
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
    while (world_.now() < end && life.turn()) check(life);
    moved_ += life.sessions_moved();
    given_to_kernel_ += life.sessions_given_to_kernel();
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
        life.drain();
        for (int turns = 0; turns < 200'000 && life.turn(); ++turns) check(life);
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
    Life life(world_, model_, secured_.hops, 0, tls_);
    ASSERT_TRUE(life.start()) << life.problem();
    const uint32_t acknowledged_before = ledger_.acknowledged;
    for (int i = 0; i < 3; ++i) submit();
    const Instant end = world_.now() + hours(2);
    world_.after(hours(2), [] {});
    while (world_.now() < end) {
      ASSERT_TRUE(life.turn());
      check(life);
      if (at_rest(life)) break;
    }
    const uint32_t acknowledged = ledger_.acknowledged - acknowledged_before;
    EXPECT_TRUE(at_rest(life));
    for (const auto& core : life.cores()) {
      EXPECT_EQ(core->spool().figures().messages, 0U);
      EXPECT_EQ(core->front().session_count(), 0U);
      EXPECT_EQ(core->relay().figures().in_work, 0U);
      EXPECT_EQ(core->front().lent_buffers(), 0U);
      EXPECT_EQ(core->spool().figures().free_blocks, 64U);
    }
    verify();
    moved_ += life.sessions_moved();
    given_to_kernel_ += life.sessions_given_to_kernel();
    life.drain();
    int turns = 0;
    while (turns < 10'000 && life.turn()) ++turns;
    EXPECT_LT(turns, 10'000) << "the drain does not end";
    verify_counts(life.end(), acknowledged);
    world_.kill();
  }

  // Both hosts refuse; then one is silent, and while that is found out the other's turn comes.
  void one_is_slow_to_fail() {
    using enum SimNetwork::Manner;
    world_.network().set_manner(kHopA, kRefuse);
    world_.network().set_manner(kHopB, kRefuse);
    Life life(world_, model_, secured_.hops, 0, tls_);
    ASSERT_TRUE(life.start()) << life.problem();
    submit();
    run(life, milliseconds(500));
    world_.network().set_manner(kHopA, kSilent);
    run(life, seconds(20));
    world_.network().set_manner(kHopB, kAccept);
    run(life, minutes(10));
    EXPECT_TRUE(at_rest(life)) << "the other one is never tried again";
    world_.kill();
  }

  void set_faults(const Faults& faults) { world_.set_faults(faults); }
  SimWorld& world() { return world_; }
  // From core to core, over all lives.
  [[nodiscard]] uint64_t sessions_moved() const { return moved_; }
  [[nodiscard]] uint64_t sessions_given_to_kernel() const { return given_to_kernel_; }

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
    auto client =
        std::make_shared<Submitter>(ledger_, prng_, static_cast<uint32_t>(prng_.between(1, 8)),
                                    prng_.one_in(2), tls_.has_value());
    clients_.push_back(client);
    world_.network().connect(client, {IpAddress::v4(0x7f000002), 0}, kListen);
  }

  void check(const Life& life) {
    if (++checks_ % 64 == 0) {
      for (const auto& core : life.cores()) core->spool().invariants();
    }
    ASSERT_TRUE(ledger_.complaint.empty()) << ledger_.complaint;
  }

  void run(Life& life, Duration duration) {
    const Instant end = world_.now() + duration;
    world_.after(duration, [] {});
    while (world_.now() < end && life.turn()) check(life);
  }

  [[nodiscard]] bool at_rest(const Life& life) const {
    for (const auto& client : clients_) {
      if (!client->done()) return false;
    }
    return std::ranges::all_of(life.cores(), [](const auto& core) {
      return core->spool().figures().messages == 0 && core->front().session_count() == 0 &&
             core->spool().at_rest();
    });
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
  std::optional<RecordKinds> tls_;
  Secured secured_;
  Ledger ledger_;
  SinkManner manner_;
  std::vector<std::shared_ptr<Submitter>> clients_;
  bool killed_ = false;
  bool uncertain_ = false;
  uint64_t checks_ = 0;
  uint64_t moved_ = 0;
  uint64_t given_to_kernel_ = 0;
};

struct Told {
  uint64_t moved = 0;      // sessions, from core to core
  uint64_t in_kernel = 0;  // sessions in TLS
};

Told tell(uint64_t seed, Security security, uint32_t cores = 1,
          std::optional<RecordKinds> tls = {}) {
  Story story(seed, security, cores, tls);
  draw_tls_from(seed);
  const uint64_t lives = seed % 4;
  for (uint64_t life = 0; life < lives; ++life) {
    story.misbehave();
    story.troubled_life();
    if (::testing::Test::HasFailure()) return {};
  }
  story.last_life();
  return {story.sessions_moved(), story.sessions_given_to_kernel()};
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

TEST(core_simulation, nor_by_sessions_that_move_from_core_to_core) {
  uint64_t moved = 0;
  uint64_t seeds = 0;
  for_each_seed(500, [&](uint64_t seed) {
    moved += tell(seed, seed % 4 == 0 ? Security::kRequired : Security::kNone,
                  static_cast<uint32_t>(2 + seed % 2))
                 .moved;
    ++seeds;
  });
  EXPECT_GT(moved, seeds / 4) << "too few for this to say something";
}

// Which records of TLS a kernel makes: all, as before Linux 6.14, or any.
RecordKinds kinds_of(uint64_t seed) {
  RecordKinds kinds;
  for (const TlsRecordKind kind : kRecordKinds) {
    if (seed % 4 == 1 ? kind.version == TlsVersion::kTls12 : seed % 4 != 2 || seed / 4 % 3 != 0)
      kinds.add(kind);
  }
  return kinds;
}

TEST(core_simulation, nor_by_clients_in_tls_whether_the_kernel_makes_their_records_or_not) {
  Told told;
  uint64_t seeds = 0;
  ClientTls::keys_renewed = 0;
  for_each_seed(500, [&](uint64_t seed) {
    const Told one = tell(seed, Security::kNone, static_cast<uint32_t>(1 + seed % 3),
                          seed % 8 == 0 ? RecordKinds{} : kinds_of(seed));
    told.moved += one.moved;
    told.in_kernel += one.in_kernel;
    ++seeds;
  });
  EXPECT_GT(told.in_kernel, 3 * seeds) << "too few for this to say something";
  EXPECT_GT(told.moved, seeds / 4);
  EXPECT_GT(ClientTls::keys_renewed, 3 * seeds);
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
    while (flooder->replies() != kCommands && turns < 10 * kCommands && life.turn()) ++turns;
    EXPECT_EQ(flooder->replies(), kCommands);
    // A step of its own and one at the end of the turn.
    EXPECT_GE(turns, kCommands / (2 * kShare));
    world.kill();
  });
}

// A client in TLS that says what a test tells it to, once its handshake is done.
class Guest final : public SimPeer {
 public:
  using Manner = std::function<void(Guest&)>;
  // `manner` is called for each reply line, from that to EHLO in TLS on.
  explicit Guest(ClientTls::Choice choice, Manner manner)
      : tls(choice), manner_(std::move(manner)) {}

  void on_bytes(std::string_view bytes) override {
    if (!begun_) {
      plain_ += bytes;
      if (plain_.ends_with("220 2.0.0 SMTP server ready\r\n") &&
          plain_.find("250 ") != plain_.npos) {
        begun_ = true;
        plain_.clear();
        return write(tls.begin());
      }
      if (plain_.ends_with('\n') && !std::exchange(greeted_, true))
        write("EHLO guest.example\r\nSTARTTLS\r\n");
      return;
    }
    const bool was_open = tls.is_open();
    is_tls = tls.hear(bytes, plain_) && is_tls;
    write(tls.take());
    if (!was_open && tls.is_open()) write(tls.seal("EHLO guest.example\r\n"));
    for (size_t end = 0; (end = plain_.find('\n')) != plain_.npos;) {
      const std::string line = plain_.substr(0, end + 1);
      plain_.erase(0, end + 1);
      heard += line;
      if (line[3] == ' ') manner_(*this);
    }
  }
  void on_timer(uint64_t) override { resume(); }
  void on_closed(bool) override {
    closed = true;
    close();
  }
  [[nodiscard]] size_t times(std::string_view text) const {
    size_t count = 0;
    for (size_t at = heard.find(text); at != heard.npos; at = heard.find(text, at + 1)) ++count;
    return count;
  }

  ClientTls tls;
  std::string heard;  // in TLS
  bool is_tls = true;
  bool closed = false;
  int step = 0;

 private:
  Manner manner_;
  std::string plain_;
  bool greeted_ = false;
  bool begun_ = false;
};

// Every kind of records, on connections without trouble, and where the kernel lets OpenSSL send;
// the client's end is awaited.
template <class Make, class Check>
void for_each_guest(Make make, Check check, bool only_13 = false) {
  config::Model model = small_model();
  const relay::HopSecurities hops(model.send_connectors.size());
  RecordKinds all;
  for (const TlsRecordKind kind : kRecordKinds) all.add(kind);
  uint64_t guests = 0;
  uint64_t in_kernel = 0;
  for_each_seed(60, [&](uint64_t seed) {
    const TlsRecordKind kind = kRecordKinds[seed % std::size(kRecordKinds)];
    if (only_13 && kind.version != TlsVersion::kTls13) return;
    draw_tls_from(seed);
    SimWorld world(seed);
    Life life(world, model, hops, 0, all);
    ASSERT_TRUE(life.start()) << life.problem();
    const bool half = seed % 5 == 0;
    if (half) life.refuse_send_keys();
    const std::shared_ptr<Guest> guest = make(kind);
    world.network().connect(guest, {IpAddress::v4(0x7f000002), 0}, kListen);
    world.after(minutes(1), [] {});
    const Instant end = world.now() + minutes(1);
    while (!guest->closed && world.now() < end && life.turn()) {
    }
    EXPECT_TRUE(guest->closed);
    ++guests;
    in_kernel += life.sessions_given_to_kernel();
    check(*guest, kind, half);
    world.kill();
  });
  // But for who has said all together with its Finished.
  EXPECT_GT(in_kernel, guests / 2);
}

TEST(records_by_the_kernel, who_says_all_and_its_end_at_once_hears_all_answers) {
  for_each_guest(
      [](TlsRecordKind kind) {
        return std::make_shared<Guest>(kind, [](Guest& guest) {
          if (guest.step++ > 0) return;
          std::string all;
          for (int i = 0; i < 20; ++i) all += "NOOP\r\n";
          std::string words = guest.tls.seal(all);
          words += guest.tls.end();
          guest.write(words);
        });
      },
      [](Guest& guest, TlsRecordKind, bool) {
        EXPECT_EQ(guest.times("250 2.0.0 OK\r\n"), 20U) << guest.heard;
        EXPECT_TRUE(guest.tls.has_ended());
        EXPECT_TRUE(guest.is_tls);
      });
}

TEST(records_by_the_kernel, many_new_keys_are_followed) {
  for_each_guest(
      [](TlsRecordKind kind) {
        return std::make_shared<Guest>(kind, [](Guest& guest) {
          if (guest.step++ == 60) return guest.write(guest.tls.seal("QUIT\r\n"));
          if (guest.step > 60) return;
          guest.tls.renew_key(guest.step % 3 != 0);
          guest.write(guest.tls.seal("NOOP\r\n"));
        });
      },
      [](Guest& guest, TlsRecordKind, bool) {
        EXPECT_EQ(guest.times("250 2.0.0 OK\r\n"), 60U) << guest.heard;
        EXPECT_EQ(guest.times("221 "), 1U);
        EXPECT_EQ(guest.tls.keys_heard(), 40U);
        EXPECT_TRUE(guest.tls.has_ended());
        EXPECT_TRUE(guest.is_tls);
      },
      true);
}

// There is no room for the answer to the first, and then there is.
TEST(records_by_the_kernel, new_keys_are_told_once_the_client_reads) {
  for_each_guest(
      [](TlsRecordKind kind) {
        return std::make_shared<Guest>(kind, [](Guest& guest) {
          if (guest.step++ == 0) {
            guest.pause();
            std::string all;
            for (int i = 0; i < 1000; ++i) all += "HELP\r\n";
            guest.write(guest.tls.seal(all));
            guest.tls.renew_key(true);
            guest.write(guest.tls.seal("NOOP\r\n"));
            guest.set_timer(seconds(5));
          }
          if (guest.times("250 2.0.0 OK\r\n") == 1 && guest.step++ > 0)
            guest.write(guest.tls.seal("QUIT\r\n"));
        });
      },
      [](Guest& guest, TlsRecordKind, bool) {
        EXPECT_EQ(guest.times("214 "), 1000U);
        EXPECT_EQ(guest.tls.keys_heard(), 1U);
        EXPECT_TRUE(guest.tls.has_ended());
      },
      true);
}

TEST(records_by_the_kernel, a_forged_record_ends_the_session_with_an_alert) {
  for_each_guest(
      [](TlsRecordKind kind) {
        return std::make_shared<Guest>(kind, [](Guest& guest) {
          if (guest.step++ > 0) return;
          std::string record = guest.tls.seal("NOOP\r\n");
          record.back() = static_cast<char>(record.back() ^ 1);
          guest.write(record);
        });
      },
      [](Guest& guest, TlsRecordKind, bool half) {
        EXPECT_EQ(guest.times("250 2.0.0 OK\r\n"), 0U);
        if (half) return;  // nobody can say why
        EXPECT_FALSE(guest.is_tls);
        EXPECT_EQ(guest.tls.failure(), "sslv3 alert bad record mac");
      });
}

TEST(records_by_the_kernel, renegotiation_is_refused_and_the_session_goes_on) {
  for_each_guest(
      [](TlsRecordKind kind) {
        return std::make_shared<Guest>(kind, [kind](Guest& guest) {
          if (guest.step++ > 0) return;
          if (kind.version == TlsVersion::kTls13) return guest.write(guest.tls.seal("QUIT\r\n"));
          std::string words = guest.tls.ask_for_another_handshake();
          guest.write(words);
        });
      },
      [](Guest& guest, TlsRecordKind kind, bool half) {
        if (kind.version == TlsVersion::kTls13 || half) return;
        // OpenSSL's client takes the refusal for a failure; ours is what it was told.
        EXPECT_EQ(guest.tls.failure(), "no renegotiation");
      });
}

}  // namespace
}  // namespace relais::test
