// A whole core behind load balancers, on the simulated kernel: PROXY headers in any pieces, from
// whom they are believed and from whom not, and what is left over of connections that owe one.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "main/core.h"
#include "policy/limits.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_network.h"
#include "simulation/sim_seed.h"
#include "simulation/sim_world.h"

namespace relais::test {
namespace {

using namespace relais::simulation;
using namespace std::string_literals;

const Endpoint kProxied{IpAddress::v4(0x0a000019), 25};  // 10.0.0.25
const Endpoint kDirect{IpAddress::v4(0x0a000019), 26};
const Endpoint kBalancer{IpAddress::v4(0x0a000005), 0};  // 10.0.0.5
const Endpoint kStranger{IpAddress::v4(0x0a000105), 0};  // 10.0.1.5

const std::string kTalk = "EHLO client.example\r\nQUIT\r\n";
const std::string kLine = "PROXY TCP4 192.0.2.7 203.0.113.1 56324 25\r\n";
const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string kBinary =
    kSignature + "\x21\x11\0\x0c\xc0\0\2\7\xcb\0\x71\1\xdc\4\0\x19"s;  // the same as kLine
const std::string kBinary6 = kSignature + "\x21\x21\0\x24"s +
                             "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7"s +
                             "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\xdc\4\0\x19"s;
const std::string kLocal = kSignature + "\x20\0\0\0"s;

policy::ReceiveConnector connector(const std::string& name, const Endpoint& binding,
                                   std::initializer_list<const char*> ranges) {
  policy::ReceiveConnector connector;
  connector.name = name;
  connector.fqdn = name + ".example";
  connector.bindings = {{binding}};
  for (const char* range : ranges)
    connector.remote_ranges.push_back(*policy::AddressRange::parse(range));
  connector.permission_groups.add(policy::PermissionGroup::kAnonymousUsers);
  if (binding != kProxied) return connector;
  connector.proxy_protocol = true;
  connector.trusted_proxies = {*policy::AddressRange::parse("10.0.0.0/24")};
  return connector;
}

class Client final : public SimPeer {
 public:
  // Writes the pieces with 10 ms between them; then, after another 10 ms, ends its side.
  enum class End : uint8_t { kStays, kCloses };
  explicit Client(std::vector<std::string> pieces, End end = End::kStays)
      : pieces_(std::move(pieces)), end_(end) {}
  void on_connected() override { on_timer(0); }
  void on_bytes(std::string_view bytes) override { seen += bytes; }
  void on_closed(bool) override {
    closed = true;
    closed_at = world().now();
    close();
  }
  void on_refused(Error) override { closed = true; }
  void on_timer(uint64_t) override {
    if (closed) return;
    if (next_ == pieces_.size()) {
      if (end_ == End::kCloses) close();
      return;
    }
    write(pieces_[next_++]);
    set_timer(milliseconds(10));
  }

  std::string seen;
  bool closed = false;
  Instant closed_at;

 private:
  std::vector<std::string> pieces_;
  End end_;
  size_t next_ = 0;
};

class Site {
 public:
  explicit Site(uint64_t seed = 1, bool serves_balancer = false)
      : world_(seed), kernel_(world_), limits_(1 << 20, {}) {
    model_.server.fqdn = "relay.example";
    model_.server.cores = {0};
    model_.server.data_dir = "/data";
    model_.server.log_file = "/data/log";
    model_.server.max_sessions = 8;
    model_.server.receive_buffers = 16 * 16'384;
    model_.server.message_memory = 64 * 16'384;
    model_.spool.segment_size = 1 << 20;
    model_.spool.max_size = 8 << 20;
    model_.receive_connectors = {connector("real", kProxied, {"192.0.2.0/24", "2001:db8::/32"}),
                                 connector("other", kProxied, {"198.51.100.0/24"}),
                                 connector("direct", kDirect, {"0.0.0.0/0"})};
    if (serves_balancer)
      model_.receive_connectors.push_back(connector("own", kProxied, {"10.0.0.0/24"}));
    for (auto& one : model_.receive_connectors) one.max_inbound_connection_per_source = 2;
    neighbours_.cores.push_back(std::make_unique<front::Neighbours::Core>());
  }

  void start() {
    std::string problem;
    ASSERT_TRUE(kernel_.make_directories("/data"));
    auto core =
        Core::create(kernel_, model_, neighbours_,
                     {.step_events = static_cast<uint32_t>(1 + world_.seed() % 5)}, problem);
    ASSERT_TRUE(core) << problem;
    core_ = std::move(*core);
    std::vector<front::Listener> listeners;
    for (const Endpoint& endpoint : {kProxied, kDirect}) {
      const auto fd = kernel_.listen(endpoint);
      ASSERT_TRUE(fd);
      listeners.push_back({endpoint, *fd});
    }
    core_->apply({std::make_shared<const front::ServingPolicy>(
                      model_.receive_connectors, policy::AcceptedDomains{}, "relay.example"),
                  listeners, limits_.compile(model_.receive_connectors, kernel_.now())});
  }

  std::shared_ptr<Client> connect(std::vector<std::string> pieces, const Endpoint& from = kBalancer,
                                  const Endpoint& to = kProxied,
                                  Client::End end = Client::End::kStays) {
    auto client = std::make_shared<Client>(std::move(pieces), end);
    world_.network().connect(client, from, to);
    return client;
  }

  void run(Duration time) {
    const Instant end = world_.now() + time;
    world_.after(time, [] {});
    while (world_.now() < end) ASSERT_TRUE(core_->turn());
  }

  // Lines of the log that are about the door: not one of them belongs to a health check.
  std::string log() {
    run(milliseconds(200));
    const auto fd = kernel_.open("/data/log", ring::OpenMode::kRead);
    std::string text(*kernel_.size(*fd), '\0');
    [[maybe_unused]] const auto octets =
        kernel_.read_at(*fd, std::as_writable_bytes(std::span(text)), 0);
    kernel_.close(*fd);
    return text;
  }

  void expect_rest() {
    EXPECT_EQ(core_->front().session_count(), 0U);
    EXPECT_EQ(core_->front().lent_buffers(), 0U);
    EXPECT_EQ(neighbours_.cores[0]->sessions.load(), 0U);
  }
  void drain() {
    core_->drain();
    int turns = 0;
    while (turns < 10'000 && core_->turn()) ++turns;
    EXPECT_LT(turns, 10'000) << "the drain does not end";
  }
  SimWorld& world() { return world_; }

 private:
  SimWorld world_;
  SimKernel kernel_;
  config::Model model_;
  policy::Limits limits_;
  front::Neighbours neighbours_;
  std::unique_ptr<Core> core_;
};

bool greeted_by(const Client& client, const std::string& name) {
  return client.seen.starts_with("220 " + name + ".example ");
}
bool said_goodbye(const Client& client) {
  return client.seen.ends_with("221 2.0.0 Service closing transmission channel\r\n");
}

std::string proxied(const std::string& address) {
  return "PROXY TCP4 " + address + " 203.0.113.1 1000 25\r\n";
}

TEST(proxy_simulation, the_client_that_a_header_names_counts_wherever_it_is_cut) {
  Site site;
  site.start();
  for (const std::string& header : {kLine, kBinary, kBinary6}) {
    const std::string stream = header + kTalk;
    for (size_t cut = 1; cut < stream.size(); ++cut) {
      const auto client = site.connect({stream.substr(0, cut), stream.substr(cut)});
      site.run(milliseconds(500));
      ASSERT_TRUE(greeted_by(*client, "real")) << cut << ": " << client->seen;
      ASSERT_TRUE(said_goodbye(*client)) << cut << ": " << client->seen;
      ASSERT_NE(client->seen.find(header == kBinary6 ? "Hello [2001:db8::7]" : "Hello [192.0.2.7]"),
                std::string::npos)
          << client->seen;
    }
  }
  const auto other = site.connect({proxied("198.51.100.9") + kTalk});
  const auto nobody = site.connect({proxied("203.0.113.9") + kTalk});
  site.run(seconds(5));
  EXPECT_TRUE(greeted_by(*other, "other") && said_goodbye(*other)) << other->seen;
  EXPECT_EQ(nobody->seen, "421 4.3.2 System not accepting network messages\r\n");
  const std::string log = site.log();
  EXPECT_EQ(std::ranges::count(log, '\n'), 1) << log;
  EXPECT_NE(log.find("203.0.113.9"), std::string::npos) << log;
  site.expect_rest();
}

TEST(proxy_simulation, octet_by_octet_and_with_the_end_of_input_right_behind) {
  Site site;
  site.start();
  for (const std::string& header : {kLine, kBinary}) {
    std::vector<std::string> octets;
    for (const char c : header + kTalk) octets.emplace_back(1, c);
    const auto slow = site.connect(octets);
    site.run(seconds(3));
    EXPECT_TRUE(greeted_by(*slow, "real") && said_goodbye(*slow)) << slow->seen;
  }
  site.connect({kLine + kTalk}, kBalancer, kProxied, Client::End::kCloses);
  site.run(seconds(5));
  EXPECT_EQ(site.log(), "");
  site.expect_rest();
}

TEST(proxy_simulation, whoever_is_not_trusted_is_cut_off_without_a_word) {
  Site site;
  site.start();
  const auto forger = site.connect({kLine + kTalk}, kStranger);
  const auto silent = site.connect({}, kStranger);
  site.run(seconds(1));
  EXPECT_EQ(forger->seen, "");
  EXPECT_EQ(silent->seen, "");
  EXPECT_TRUE(forger->closed && silent->closed);
  const std::string log = site.log();
  EXPECT_NE(log.find("\"event\":\"turned away\""), std::string::npos) << log;
  EXPECT_NE(log.find("\"reason\":\"not one of trusted_proxies\""), std::string::npos) << log;
  EXPECT_EQ(log.find("192.0.2.7"), std::string::npos) << "a forged address got into the log";
  site.expect_rest();
}

TEST(proxy_simulation, what_is_no_header_ends_the_connection_without_a_banner) {
  struct Case {
    std::string sent, reason;
  };
  const Case cases[] = {
      {kTalk, "bad PROXY header: what came is no PROXY header"},
      {"PROXY TCP4 192.0.2.7 203.0.113.1 56324\r\n" + kTalk,
       "bad PROXY header: it has too few fields"},
      {kSignature + "\x21\x12\0\x0c\xc0\0\2\7\xcb\0\x71\1\xdc\4\0\x19"s + kTalk,
       "bad PROXY header: it is not about TCP over IPv4 or IPv6"},
      {"PROXY UNKNOWN " + std::string(100'000, 'x'),
       "bad PROXY header: it has more than 107 octets"},
      {kSignature + "\x20\0\xff\xff"s + std::string(65'535, 'x'),
       "bad PROXY header: it has more than 2048 octets"},
      {std::string(100'000, '\0'), "bad PROXY header: what came is no PROXY header"},
  };
  for (const Case& c : cases) {
    Site site;
    site.start();
    const auto client = site.connect({c.sent});
    site.run(seconds(2));
    EXPECT_EQ(client->seen, "") << c.reason;
    EXPECT_TRUE(client->closed) << c.reason;
    const std::string log = site.log();
    EXPECT_NE(log.find("\"reason\":\"" + c.reason + '"'), std::string::npos) << log;
    site.expect_rest();
  }
}

TEST(proxy_simulation, a_second_header_is_no_command) {
  Site site;
  site.start();
  const auto client = site.connect({kLine + proxied("198.51.100.9") + kTalk});
  site.run(seconds(20));
  EXPECT_TRUE(greeted_by(*client, "real")) << client->seen;
  EXPECT_NE(client->seen.find("\r\n500 5.3.3 Unrecognized command\r\n"), std::string::npos)
      << client->seen;
  EXPECT_NE(client->seen.find("Hello [192.0.2.7]"), std::string::npos) << client->seen;
}

TEST(proxy_simulation, on_another_binding_a_header_changes_nothing) {
  Site site;
  site.start();
  const auto line = site.connect({kLine + kTalk}, kBalancer, kDirect);
  const auto binary = site.connect({kBinary + "\r\n" + kTalk}, kBalancer, kDirect);
  site.run(seconds(60));
  for (const auto& client : {line, binary}) {
    EXPECT_TRUE(greeted_by(*client, "direct")) << client->seen;
    EXPECT_NE(client->seen.find("500 5.3.3 Unrecognized command\r\n"), std::string::npos)
        << client->seen;
    EXPECT_NE(client->seen.find("Hello [10.0.0.5]"), std::string::npos) << client->seen;
  }
}

TEST(proxy_simulation, health_checks_leave_nothing_in_the_log) {
  Site site;
  site.start();
  const std::vector<std::vector<std::string>> checks = {
      {}, {kLocal}, {"PROXY UNKNOWN\r\n"}, {kLocal + "QUIT\r\n"}};
  for (const auto& pieces : checks) {
    site.connect(pieces, kBalancer, kProxied, Client::End::kCloses);
    site.run(seconds(3));
  }
  const auto refused = site.connect({kLocal});
  site.run(seconds(1));
  EXPECT_EQ(refused->seen, "421 4.3.2 System not accepting network messages\r\n");
  EXPECT_EQ(site.log(), "");
  site.expect_rest();
}

TEST(proxy_simulation, a_balancer_that_is_served_speaks_for_itself_and_is_not_limited) {
  Site site(1, true);
  site.start();
  const Endpoint with_port{kBalancer.address, 4000};
  const std::string own_line = "PROXY TCP4 10.0.0.5 10.0.0.25 4000 25\r\n";
  const auto named = site.connect({own_line + kTalk}, with_port);
  std::vector<std::shared_ptr<Client>> checks;
  for (int i = 0; i < 5; ++i) checks.push_back(site.connect({kLocal}));
  site.run(seconds(1));
  EXPECT_TRUE(greeted_by(*named, "own") && said_goodbye(*named)) << named->seen;
  for (const auto& check : checks) EXPECT_TRUE(greeted_by(*check, "own")) << check->seen;
  EXPECT_EQ(site.log(), "");
}

TEST(proxy_simulation, limits_of_a_source_count_the_client_and_not_the_balancer) {
  Site site;
  site.start();
  const auto first = site.connect({kLine});
  const auto second = site.connect({kLine});
  site.run(seconds(1));
  const auto third = site.connect({kLine});
  const auto elsewhere = site.connect({proxied("192.0.2.8")});
  site.run(seconds(1));
  EXPECT_TRUE(greeted_by(*first, "real") && greeted_by(*second, "real"));
  EXPECT_TRUE(third->seen.starts_with("421 ")) << third->seen;
  EXPECT_TRUE(greeted_by(*elsewhere, "real")) << elsewhere->seen;
}

TEST(proxy_simulation, the_header_must_come_in_time) {
  Site site;
  site.start();
  const Instant begin = site.world().now();
  const auto silent = site.connect({});
  const auto half = site.connect({kLine.substr(0, 20)});
  site.run(seconds(4));
  EXPECT_FALSE(silent->closed || half->closed);
  site.run(seconds(2));
  EXPECT_EQ(silent->seen + half->seen, "");
  ASSERT_TRUE(silent->closed && half->closed);
  EXPECT_GE(silent->closed_at - begin, seconds(5));
  const std::string log = site.log();
  EXPECT_NE(log.find("no PROXY header came in time"), std::string::npos) << log;
  EXPECT_NE(log.find("the PROXY header did not come in time"), std::string::npos) << log;
  site.expect_rest();
}

TEST(proxy_simulation, one_that_is_cut_off_is_told) {
  Site site;
  site.start();
  site.connect({kBinary.substr(0, 20)}, kBalancer, kProxied, Client::End::kCloses);
  site.run(seconds(1));
  const std::string log = site.log();
  EXPECT_NE(log.find("the PROXY header was cut off"), std::string::npos) << log;
  site.expect_rest();
}

TEST(proxy_simulation, more_than_a_core_takes_wait_for_nobody) {
  Site site;
  site.start();
  std::vector<std::shared_ptr<Client>> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(site.connect({kLine.substr(0, 10)}));
  site.run(seconds(1));
  const auto late = site.connect({kLine + kTalk});
  site.run(seconds(1));
  EXPECT_EQ(late->seen, "");
  EXPECT_TRUE(late->closed);
  EXPECT_NE(site.log().find("max_sessions"), std::string::npos);
  site.run(seconds(6));
  site.expect_rest();
}

TEST(proxy_simulation, a_drain_does_not_wait_for_headers) {
  Site site;
  site.start();
  const auto half = site.connect({kLine.substr(0, 10)});
  const auto talking = site.connect({kLine + "EHLO client.example\r\n"});
  site.run(seconds(1));
  const Instant begin = site.world().now();
  site.drain();
  EXPECT_LT(site.world().now() - begin, seconds(4));
  site.expect_rest();
}

// One of many kinds of connection, and what it may have seen at its end.
struct Draw {
  std::shared_ptr<Client> client;
  std::string name;  // of the connector; empty: nobody may have greeted it
};

Draw draw_connection(Site& site, Prng& prng) {
  const std::string headers[] = {kLine,
                                 kBinary,
                                 kBinary6,
                                 proxied("198.51.100.9"),
                                 proxied("203.0.113.9"),
                                 kLocal,
                                 "PROXY UNKNOWN\r\n",
                                 "EHLO x\r\n",
                                 kBinary.substr(0, 20)};
  const std::string names[] = {"real", "real", "real", "other", "", "", "", "", ""};
  const size_t kind = prng.below(std::size(headers));
  const bool is_whole = kind + 1 < std::size(headers);
  std::string stream = headers[kind] + (is_whole && !prng.one_in(3) ? kTalk : "");
  std::vector<std::string> pieces;
  while (!stream.empty()) {
    const size_t size = prng.one_in(2) ? stream.size() : prng.between(1, stream.size());
    pieces.push_back(stream.substr(0, size));
    stream.erase(0, size);
  }
  const bool trusted = !prng.one_in(5);
  const auto end = prng.one_in(2) ? Client::End::kCloses : Client::End::kStays;
  auto client = site.connect(std::move(pieces), trusted ? kBalancer : kStranger, kProxied, end);
  return {std::move(client), trusted ? names[kind] : ""};
}

TEST(proxy_simulation, whatever_happens_nobody_is_taken_for_another_and_nothing_is_left_over) {
  uint64_t greeted = 0;
  for_each_seed(300, [&](uint64_t seed) {
    Site site(seed);
    site.start();
    Prng prng(seed * 2 + 1);
    site.world().set_faults(Faults::draw(prng));
    std::vector<Draw> draws;
    for (uint64_t i = prng.between(1, 40); i > 0; --i) {
      draws.push_back(draw_connection(site, prng));
      site.run(milliseconds(static_cast<int64_t>(prng.below(100))));
    }
    if (prng.one_in(3)) {
      site.drain();
    } else {
      site.world().set_faults({});
      site.run(minutes(6));  // connection_inactivity_timeout ends the rest
      site.expect_rest();
    }
    for (const Draw& draw : draws) {
      const std::string& seen = draw.client->seen;
      const bool is_right = seen.empty() || seen.starts_with("4") ||  // 421, or a cut one
                            (!draw.name.empty() && greeted_by(*draw.client, draw.name));
      const bool is_cut =
          !draw.name.empty() && ("220 " + draw.name + ".example ").starts_with(seen);
      ASSERT_TRUE(is_right || is_cut) << draw.name << ": " << seen;
      if (!draw.name.empty() && greeted_by(*draw.client, draw.name)) ++greeted;
    }
  });
  EXPECT_GT(greeted, 0U);
}

}  // namespace
}  // namespace relais::test
