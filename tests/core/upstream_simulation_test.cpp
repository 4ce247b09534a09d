// Proxy mode on the simulated kernel: several upstreams that do whatever they like, clients that
// hear every reply exactly. Whatever happens, a client is told 250 only for a message that an
// upstream has stored, octet by octet and for exactly the recipients that were accepted; replies
// come in order; and at the end nothing is left over. The same over TLS, where nothing may go out
// in the clear, or to somebody else, that must not.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/peer_tls.h"
#include "core/upstream_peers.h"
#include "main/core.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_network.h"
#include "simulation/sim_seed.h"
#include "simulation/sim_world.h"

namespace relais::straight_test {
namespace {

using namespace relais::simulation;

const Endpoint kListen{IpAddress::v4(0x7f000001), 25};
const Endpoint kUpstreams[] = {{IpAddress::v4(0x0a000001), 25},
                               {IpAddress::v4(0x0a000002), 25},
                               {IpAddress::v4(0x0a000003), 2525}};

constexpr const char* kRoute = "named";

std::vector<Endpoint> some_upstreams(Prng& prng) {
  return {kUpstreams, kUpstreams + prng.between(1, 3)};
}

config::Model small_model(Prng& prng, bool named) {
  config::Model model;
  model.server.fqdn = "relay.example";
  model.server.cores = {0};
  model.server.data_dir = "/data";
  model.server.log_file = "/data/log";
  model.server.drain_timeout = seconds(5);
  model.server.max_sessions = 12;
  model.server.receive_buffers = 16 * 16'384;
  model.server.message_memory = 64 * 16'384;
  model.spool.segment_size = 1 << 20;
  model.spool.max_size = 8 << 20;
  policy::ReceiveConnector connector;
  connector.name = "straight";
  connector.bindings = {{kListen}};
  connector.remote_ranges = {*policy::AddressRange::parse("0.0.0.0/0")};
  connector.permission_groups.add(policy::PermissionGroup::kAnonymousUsers);
  connector.permissions = {
      {policy::Principal::kAnonymous, policy::mask(policy::Right::kAcceptAnyRecipient), false}};
  connector.delivery = policy::Delivery::kProxy;
  if (named)
    connector.upstream_send_connector = kRoute;
  else
    connector.upstreams = some_upstreams(prng);
  connector.upstream_timeout = seconds(5);
  connector.upstream_max_connections = static_cast<uint32_t>(prng.between(1, 4));
  model.receive_connectors = {connector};
  return model;
}

// How upstreams are spoken to.
enum class Security : uint8_t { kNone, kOpportunistic, kRequired, kImplicit };

constexpr const char* kHost = "mx.example";

UpstreamTls upstream_tls(Security security, bool logs_on) {
  if (security == Security::kNone) return {};
  return {.context = test::tls_server_for(kHost),
          .stranger = test::tls_server_for("other.example"),
          .implicit = security == Security::kImplicit,
          .required = security != Security::kOpportunistic,
          .logon = logs_on};
}

upstream::Way way_of(Security security, bool names_clients, bool logs_on) {
  upstream::Way way;
  way.xclient = names_clients;
  if (security == Security::kNone) return way;
  const bool opportunistic = security == Security::kOpportunistic;
  way.implicit_tls = security == Security::kImplicit;
  if (!way.implicit_tls)
    way.start_tls = opportunistic ? smtp::StartTls::kIfOffered : smtp::StartTls::kRequired;
  way.proves_itself = !opportunistic;
  way.tls = test::tls_client(way.proves_itself);
  way.tls_name = kHost;
  if (logs_on) way.credentials = std::make_shared<const smtp::Credentials>("relay", "secret");
  way.auth_in_clear = opportunistic;
  return way;
}

class Story {
 public:
  explicit Story(uint64_t seed, Security security)
      : world_(seed),
        kernel_(world_),
        prng_(seed * 2 + 1),
        names_clients_(seed % 3 == 0),
        logs_on_(security != Security::kNone && !names_clients_ && seed % 2 == 0),
        security_(security),
        tls_(upstream_tls(security, logs_on_)),
        model_(small_model(prng_, has_route())) {
    neighbours_.cores.push_back(std::make_unique<front::Neighbours::Core>());
    for (size_t i = 0; i < std::size(kUpstreams); ++i) {
      world_.network().serve(kUpstreams[i], [this, i] {
        return std::make_shared<Upstream>(book_, manners_[i], prng_, tls_);
      });
    }
  }

  void start() {
    std::string problem;
    ASSERT_TRUE(kernel_.make_directories("/data"));
    auto core =
        Core::create(kernel_, model_, neighbours_,
                     {.step_events = static_cast<uint32_t>(1 + world_.seed() % 5)}, problem);
    ASSERT_TRUE(core) << problem;
    core_ = std::move(*core);
    const auto fd = kernel_.listen(kListen);
    ASSERT_TRUE(fd);
    front::Services services;
    if (has_route()) {
      services.upstream_routes[kRoute] = {.hosts = some_upstreams(prng_),
                                          .way = way_of(security_, names_clients_, logs_on_)};
    }
    core_->apply(
        {std::make_shared<const front::ServingPolicy>(
             model_.receive_connectors, policy::AcceptedDomains{}, "relay.example", services),
         {{kListen, *fd}}});
  }

  // Each upstream has a few bad habits of its own, or none; some cannot be reached for a while.
  void misbehave() {
    world_.set_faults(Faults::draw(prng_));
    for (Manner& manner : manners_) {
      manner = {.pipelining = !prng_.one_in(3),
                .chunking = prng_.one_in(2),
                .xclient = !prng_.one_in(4),
                .named = names_clients_,
                .start_tls = !prng_.one_in(4)};
      for (uint64_t habits = prng_.below(4); habits > 0; --habits)
        manner.one_in[prng_.below(kMischiefsInClear)] = static_cast<uint32_t>(prng_.between(2, 20));
      if (prng_.one_in(4))  // seldom is there enough to come, so often, and anywhere within it
        manner.one_in[static_cast<size_t>(Mischief::kYesAndClose)] =
            static_cast<uint32_t>(prng_.between(1, 100));
      if (security_ != Security::kNone && prng_.one_in(2))
        manner.one_in[prng_.between(kMischiefsInClear, kMischiefs - 1)] =
            static_cast<uint32_t>(prng_.between(1, 10));
    }
    using enum SimNetwork::Manner;
    constexpr SimNetwork::Manner kManners[] = {kAccept, kAccept, kAccept, kRefuse, kSilent};
    for (const Endpoint& upstream : kUpstreams)
      world_.network().set_manner(upstream, kManners[prng_.below(5)]);
  }

  void trouble() {
    misbehave();
    const uint64_t senders = prng_.between(1, 12);
    for (uint64_t i = 0; i < senders; ++i)
      world_.after(milliseconds(static_cast<int64_t>(prng_.below(5000))), [this] { submit(); });
    run(milliseconds(static_cast<int64_t>(prng_.below(40'000))));
  }

  // No more trouble: all that comes now is taken, and nothing is left over.
  void peace() {
    world_.set_faults({});
    for (Manner& manner : manners_) {
      manner.one_in = {};
      manner.chunking = prng_.one_in(2);
      manner.xclient = manner.named = names_clients_;
      manner.start_tls = true;
    }
    for (const Endpoint& upstream : kUpstreams)
      world_.network().set_manner(upstream, SimNetwork::Manner::kAccept);
    run(minutes(20));  // those that were left alone are tried again, and those in the clear in TLS
    // Where it need not be, TLS that never works is no trouble. (Octets in the clear right behind
    // the answer to STARTTLS are: somebody may have put them there.)
    const bool broken = security_ == Security::kOpportunistic && prng_.one_in(2);
    for (Manner& manner : manners_) {
      manner.tls_due = security_ != Security::kNone && !broken;
      manner.one_in[static_cast<size_t>(Mischief::kTlsCut)] = broken ? 1 : 0;
    }
    const uint32_t acknowledged = book_.acknowledged;
    const uint32_t refused = book_.refused;
    peaceful_ = true;
    for (int i = 0; i < 3; ++i) submit();
    run(minutes(5));
    for (const auto& sender : senders_) EXPECT_TRUE(sender->done());
    EXPECT_EQ(book_.refused, refused);
    EXPECT_GT(book_.acknowledged, acknowledged);
    const front::Front& front = core_->front();
    EXPECT_EQ(front.session_count(), 0U);
    EXPECT_EQ(front.lent_buffers(), 0U);
    EXPECT_EQ(front.upstream_figures().outstanding, 0U);
    EXPECT_EQ(front.upstream_figures().connections, 0U) << "30 s idle, and still there";
    EXPECT_EQ(front.upstream_figures().open_circuits, 0U);
    core_->drain();
    int turns = 0;
    while (turns < 10'000 && core_->turn()) ++turns;
    EXPECT_LT(turns, 10'000) << "the drain does not end";
  }

  [[nodiscard]] const Book& book() const { return book_; }

 private:
  // A Send connector says how upstreams are spoken to.
  [[nodiscard]] bool has_route() const { return names_clients_ || security_ != Security::kNone; }

  void submit() {
    const bool twice = std::ranges::any_of(manners_, [](const Manner& manner) {
      return manner.ever(Mischief::kTwice) || manner.ever(Mischief::kTwiceLater) ||
             manner.ever(Mischief::kBehind);
    });
    auto sender =
        std::make_shared<Sender>(book_, prng_,
                                 Sender::Habits{.count = static_cast<uint32_t>(prng_.between(1, 6)),
                                                .pipelined = prng_.one_in(2),
                                                .chunks = prng_.one_in(2),
                                                .gives_up = peaceful_ || prng_.one_in(2) ? 0U : 5U,
                                                .exact = !twice});
    senders_.push_back(sender);
    world_.network().connect(sender, {IpAddress::v4(0x7f000002), 0}, kListen);
  }

  void run(Duration time) {
    const Instant end = world_.now() + time;
    world_.after(time, [] {});
    while (world_.now() < end) {
      ASSERT_TRUE(core_->turn());
      ASSERT_TRUE(book_.complaint.empty()) << book_.complaint;
    }
  }

  SimWorld world_;
  SimKernel kernel_;
  Prng prng_;
  bool names_clients_;  // upstreams hear with XCLIENT whose mail it is
  bool logs_on_;
  Security security_;
  UpstreamTls tls_;
  config::Model model_;
  front::Neighbours neighbours_;
  Book book_;
  std::array<Manner, std::size(kUpstreams)> manners_;
  std::vector<std::shared_ptr<Sender>> senders_;
  std::unique_ptr<Core> core_;
  bool peaceful_ = false;
};

void tell(uint64_t count, const std::function<Security(uint64_t seed)>& security_of) {
  uint64_t acknowledged = 0;
  uint64_t refused = 0;
  for_each_seed(count, [&](uint64_t seed) {
    Story story(seed, security_of(seed));
    test::draw_tls_from(seed);
    story.start();
    for (uint64_t i = seed % 4; i > 0 && !::testing::Test::HasFailure(); --i) story.trouble();
    if (!::testing::Test::HasFailure()) story.peace();
    acknowledged += story.book().acknowledged;
    refused += story.book().refused;
  });
  std::printf("%lu messages acknowledged, %lu refused\n", static_cast<unsigned long>(acknowledged),
              static_cast<unsigned long>(refused));
}

TEST(upstream_simulation, each_host_has_ticket_keys_of_its_own_whatever_the_seed) {
  const auto name_of_keys = [](const std::string& host) {
    test::draw_tls_from(31);
    return test::ticket_keys_for(host)->newest().name;
  };
  EXPECT_NE(name_of_keys(kHost), name_of_keys("other.example"));
  EXPECT_EQ(name_of_keys(kHost), name_of_keys(kHost));
}

TEST(upstream_simulation, a_client_is_told_250_only_for_what_an_upstream_has_stored) {
  tell(1000, [](uint64_t) { return Security::kNone; });
}

TEST(upstream_simulation, also_over_tls_and_to_nobody_else) {
  using enum Security;
  constexpr Security kAll[] = {kOpportunistic, kRequired, kRequired, kImplicit, kOpportunistic};
  tell(300, [&](uint64_t seed) { return kAll[seed % std::size(kAll)]; });
}

}  // namespace
}  // namespace relais::straight_test
