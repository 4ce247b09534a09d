// Steps of handshakes on other threads: the stream goes and comes back with what came of it.
#include "tls/handshakes.h"

#include <gtest/gtest.h>

#include <future>
#include <utility>

#include "pair.h"
#include "raw_client.h"

namespace relais::tls::test {
namespace {

std::shared_ptr<Step> step_of(std::unique_ptr<Stream> stream, std::string_view input) {
  auto step = std::make_shared<Step>();
  step->stream = std::move(stream);
  step->input.assign(input.begin(), input.end());
  return step;
}

// Gives it away and waits until it is back.
std::shared_ptr<Step> take_on(Handshakes& threads, std::shared_ptr<Step> step) {
  std::promise<std::shared_ptr<Step>> back;
  step->done = [&back](std::shared_ptr<Step> done) { back.set_value(std::move(done)); };
  threads.submit(1, std::move(step));
  return back.get_future().get();
}

std::string hello_of(Side& client) {
  client.hear("");
  return client.take();
}

TEST(handshakes, go_on_elsewhere_and_text_right_behind_is_not_lost) {
  Handshakes threads(2);
  Stream client_stream(make_client(), "relay.contoso.com");
  Side client(client_stream);
  auto step = step_of(std::make_unique<Stream>(make_server()), hello_of(client));
  step = take_on(threads, std::move(step));
  ASSERT_EQ(step->event.kind, Event::Kind::kNeedInput);
  client.hear(step->stream->output());
  step->stream->output_buffer().clear();
  ASSERT_EQ(client.log, "opened ") << client_stream.failure();

  ASSERT_TRUE(client_stream.write("EHLO app17.contoso.com\r\n"));
  step = take_on(threads, step_of(std::move(step->stream), client.take()));
  ASSERT_EQ(step->event.kind, Event::Kind::kOpened);
  EXPECT_FALSE(step->stream->needs_input());
  char memory[100];
  const Event event = step->stream->next(memory);
  ASSERT_EQ(event.kind, Event::Kind::kPlaintext);
  EXPECT_EQ(std::string_view(memory, event.octets), "EHLO app17.contoso.com\r\n");
  EXPECT_EQ(threads.figures().steps, 2U);
}

// What the server says of each step before it takes it.
std::string steps_of(const ServerPtr& context, RawClient& client) {
  Stream stream(context);
  Side server(stream);
  std::string steps;
  for (int turns = 0; stream.state() == Stream::State::kHandshake && turns < 10; ++turns) {
    SSL_do_handshake(client.ssl());
    steps += stream.long_step_ahead() ? "long " : "short ";
    server.hear(client.take());
    client.give(server.take());
  }
  EXPECT_EQ(server.log, "opened ") << stream.failure();
  EXPECT_FALSE(stream.long_step_ahead());
  client.exchange(server);
  return steps;
}

TEST(handshakes, what_comes_behind_our_finished_is_short) {
  const ServerPtr context = make_server();
  RawClient newest;
  EXPECT_EQ(steps_of(context, newest), "long short ");
  RawClient older;
  EXPECT_EQ(steps_of(context, older.version(TLS1_2_VERSION)), "long long ");
  const auto ticket = older.session();
  RawClient again;
  again.version(TLS1_2_VERSION).resume(ticket.get());
  EXPECT_EQ(steps_of(context, again), "long short ");
}

TEST(handshakes, a_certificate_of_the_peer_makes_it_long) {
  Files files;
  const std::string authorities = files.write("ca.pem", authority().pem);
  const ServerPtr context =
      make_server({"DNS:relay.contoso.com"}, make_keys(),
                  {.certificates = {},
                   .client_certificate = ServerSettings::ClientCertificate::kAsked,
                   .client_authorities = authorities});
  RawClient client;
  EXPECT_EQ(steps_of(context, client), "long long ");
}

// A client whose first choice of a group is not ours has to say hello again; the signature comes
// only then.
TEST(handshakes, a_second_hello_is_as_long_as_the_first) {
  RawClient client;
  SSL_CTX_set1_groups_list(client.context(), "P-384:P-256");
  EXPECT_EQ(steps_of(make_server(), client), "long long short ");
}

TEST(handshakes, octet_by_octet) {
  Handshakes threads(1);
  Stream client_stream(make_client(), "relay.contoso.com");
  Side client(client_stream);
  auto stream = std::make_unique<Stream>(make_server());
  for (const char octet : hello_of(client)) {
    EXPECT_TRUE(stream->output().empty());
    stream = std::move(take_on(threads, step_of(std::move(stream), {&octet, 1}))->stream);
  }
  EXPECT_FALSE(stream->output().empty());
}

TEST(handshakes, nonsense_fails) {
  Handshakes threads(1);
  const auto step =
      take_on(threads, step_of(std::make_unique<Stream>(make_server()), "EHLO a.example\r\n"));
  EXPECT_EQ(step->event.kind, Event::Kind::kFailed);
  EXPECT_FALSE(step->stream->failure().empty());
}

TEST(handshakes, nothing_is_computed_for_those_that_are_abandoned) {
  Handshakes threads(1);
  Stream client_stream(make_client(), "relay.contoso.com");
  Side client(client_stream);
  auto step = step_of(std::make_unique<Stream>(make_server()), hello_of(client));
  step->abandoned = true;
  step = take_on(threads, std::move(step));
  EXPECT_EQ(step->event.kind, Event::Kind::kNeedInput);
  EXPECT_TRUE(step->stream->output().empty());
}

TEST(handshakes, none_stays_behind_at_the_end) {
  std::promise<void> reached;
  std::promise<void> go_on;
  auto threads = std::make_unique<Handshakes>(1);
  std::vector<std::weak_ptr<Step>> all;
  const auto submit = [&](std::function<void(std::shared_ptr<Step>)> done) {
    auto step = step_of(std::make_unique<Stream>(make_server()), "EHLO a.example\r\n");
    step->done = std::move(done);
    all.push_back(step);
    threads->submit(1, std::move(step));
  };
  submit([&](const auto&) {
    reached.set_value();
    go_on.get_future().wait();
  });
  reached.get_future().wait();
  for (int i = 0; i < 10; ++i) submit([](const auto&) {});
  EXPECT_EQ(threads->figures().waiting, 10U);
  go_on.set_value();
  threads.reset();
  for (const auto& step : all) EXPECT_TRUE(step.expired());
}

}  // namespace
}  // namespace relais::tls::test
