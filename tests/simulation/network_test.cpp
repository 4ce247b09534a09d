// What peers see, played without a program where that is enough.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "ring/loop.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_network.h"
#include "simulation/sim_world.h"

namespace relais::simulation {
namespace {

using ring::Operation;
using ring::Token;

const Endpoint kHere{IpAddress::v4(0x0a000001), 25};
const Endpoint kThere{IpAddress::v4(0xc0000201), 25};

struct Recorder : SimPeer {
  std::string seen;
  std::string events;
  bool leave_open = false;
  void on_connected() override { events += "connected "; }
  void on_refused(Error error) override {
    events += "refused(" + std::string(describe(error)) + ") ";
  }
  void on_bytes(std::string_view bytes) override { seen += bytes; }
  void on_closed(bool reset) override {
    events += reset ? "reset " : "end ";
    if (!leave_open) close();
  }
};

class Network : public testing::Test {
 protected:
  // A client of the tests and a server of the tests.
  void connect() {
    server = std::make_shared<Recorder>();
    world.network().serve(kThere, [this] { return server; });
    client = std::make_shared<Recorder>();
    world.network().connect(client, {IpAddress::v4(0x7f000002), 0}, kThere);
    world.pass(seconds(1));
  }

  SimWorld world{1};
  std::shared_ptr<Recorder> server;
  std::shared_ptr<Recorder> client;
};

TEST_F(Network, both_sides_learn_of_a_connection_and_of_its_end) {
  connect();
  EXPECT_EQ(server->remote().address, IpAddress::v4(0x7f000002));
  EXPECT_EQ(client->remote(), kThere);
  client->write("hello");
  server->write("220 ready");
  world.pass(seconds(1));
  client->close();
  world.pass(seconds(1));
  EXPECT_EQ(client->seen, "220 ready");
  EXPECT_EQ(server->seen, "hello");
  EXPECT_EQ(server->events, "connected end ");
  EXPECT_EQ(world.network().open_sockets(), 0U);
}

TEST_F(Network, a_half_closed_connection_still_carries_the_other_direction) {
  connect();
  server->leave_open = true;
  client->write("QUIT");
  client->shut_down();
  world.pass(seconds(1));
  EXPECT_EQ(server->events, "connected end ");
  server->write("221 bye");
  server->close();
  world.pass(seconds(1));
  EXPECT_EQ(client->seen, "221 bye");
  EXPECT_EQ(client->events, "connected end ");
  EXPECT_EQ(world.network().open_sockets(), 0U);
}

TEST_F(Network, octets_for_somebody_who_has_closed_are_answered_with_a_reset) {
  connect();
  server->leave_open = true;
  client->close();
  world.pass(seconds(1));
  server->write("anybody?");
  world.pass(seconds(1));
  EXPECT_EQ(server->events, "connected end reset ");
}

TEST_F(Network, a_reset_arrives_as_one) {
  connect();
  client->write("never mind");
  client->reset();
  world.pass(seconds(1));
  EXPECT_EQ(server->events, "connected reset ");
  EXPECT_FALSE(server->connected());
  EXPECT_EQ(world.network().open_sockets(), 0U);
}

TEST_F(Network, a_slow_reader_stops_the_writer_and_loses_nothing) {
  connect();
  server->pause();
  const std::string large(4 << 20, 'x');
  client->write(large);
  world.pass(seconds(10));
  EXPECT_EQ(server->seen, "");
  EXPECT_GT(client->unsent(), 0U);
  server->resume();
  world.pass(seconds(60));
  EXPECT_EQ(server->seen.size(), large.size());
  EXPECT_EQ(client->unsent(), 0U);
}

TEST_F(Network, what_a_connect_finds_can_change) {
  const auto attempt = [&](Duration patience) {
    auto peer = std::make_shared<Recorder>();
    world.network().connect(peer, kHere, kThere);
    world.pass(patience);
    return peer->events;
  };
  EXPECT_EQ(attempt(seconds(1)), "refused(connection refused) ");
  world.network().set_manner(kThere, SimNetwork::Manner::kUnreachable);
  EXPECT_EQ(attempt(seconds(1)), "refused(unreachable) ");
  world.network().set_manner(kThere, SimNetwork::Manner::kSilent);
  EXPECT_EQ(attempt(seconds(100)), "");
  EXPECT_EQ(attempt(seconds(200)), "refused(timed out) ");
  world.network().serve(kThere, [] { return std::make_shared<Recorder>(); });
  EXPECT_EQ(attempt(seconds(1)), "connected ");
}

TEST_F(Network, timers_of_a_peer_that_is_gone_do_nothing) {
  connect();
  struct Timed : Recorder {
    void on_timer(uint64_t what) override { events += "timer" + std::to_string(what) + " "; }
  };
  auto timed = std::make_shared<Timed>();
  world.network().connect(timed, kHere, kThere);
  world.pass(seconds(1));
  timed->set_timer(seconds(2), 7);
  world.pass(seconds(1));
  EXPECT_EQ(timed->events, "connected ");
  world.pass(seconds(2));
  EXPECT_EQ(timed->events, "connected timer7 ");
  timed->set_timer(seconds(2), 8);
  timed->reset();
  timed.reset();
  world.pass(seconds(5));
}

// A program that accepts one connection and says something.
struct Greeter {
  SimKernel kernel;
  std::unique_ptr<ring::Loop> loop;
  std::string text = "220 hello\r\n";

  explicit Greeter(SimWorld& world) : kernel(world) {
    loop = std::move(*ring::Loop::create(kernel));
    loop->accept_multishot(kernel.listen(kHere).value_or(-1), {Operation::kAccept, {0, 1}});
  }
  // Until the greeting is in the socket's hands.
  void greet() {
    for (;;) {
      for (const ring::Completion& completion : loop->turn()) {
        if (completion.token.operation == Operation::kSessionSend) return;
        loop->send(completion.result, text, {Operation::kSessionSend, {0, 1}});
      }
    }
  }
};

TEST_F(Network, a_killed_program_still_says_what_it_handed_over) {
  client = std::make_shared<Recorder>();
  world.network().connect(client, kThere, kHere);
  {
    Greeter greeter(world);
    greeter.greet();
    world.kill();
    EXPECT_TRUE(greeter.kernel.dead());
  }
  world.pass(seconds(1));
  EXPECT_EQ(client->seen, "220 hello\r\n");
  EXPECT_EQ(client->events, "connected end ");
  EXPECT_EQ(world.network().open_sockets(), 0U);
}

TEST_F(Network, after_a_power_cut_peers_see_a_reset_and_the_next_start_listens_again) {
  client = std::make_shared<Recorder>();
  world.network().connect(client, kThere, kHere);
  {
    Greeter greeter(world);
    greeter.greet();
    world.crash();
  }
  world.pass(seconds(1));
  EXPECT_EQ(client->events, "connected reset ");
  auto refused = std::make_shared<Recorder>();
  world.network().connect(refused, kThere, kHere);
  world.pass(seconds(1));
  EXPECT_EQ(refused->events, "refused(connection refused) ");
  Greeter again(world);
  auto late = std::make_shared<Recorder>();
  world.network().connect(late, kThere, kHere);
  again.greet();
  world.pass(seconds(1));
  EXPECT_EQ(late->seen, "220 hello\r\n");
}

}  // namespace
}  // namespace relais::simulation
