// Tickets: shared by contexts, outlived by keys, and only where they belong.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "pair.h"
#include "raw_client.h"

namespace relais::tls::test {
namespace {

constexpr Instant kStart{1};

// One connection of our own client; the ticket of it.
Session visit(const ServerPtr& server_context, const ClientPtr& client_context,
              const Session& session, bool* resumed,
              const std::string& host = "relay.contoso.com") {
  Stream server_stream(server_context);
  Stream client_stream(client_context, host, session);
  Side server(server_stream);
  Side client(client_stream);
  client.hear("");
  talk(client, server);
  EXPECT_EQ(client.log, "opened ") << client_stream.failure();
  EXPECT_EQ(server.log, "opened ") << server_stream.failure();
  EXPECT_EQ(client_stream.resumed(), server_stream.resumed());
  EXPECT_TRUE(client_stream.write("NOOP\r\n"));
  talk(client, server);
  EXPECT_EQ(server.heard, "NOOP\r\n");
  *resumed = server_stream.resumed();
  Session taken = client_stream.take_session();
  EXPECT_NE(taken.data, nullptr);
  EXPECT_EQ(client_stream.take_session().data, nullptr) << "a ticket is given once";
  return taken;
}

bool resumes(const ServerPtr& server, const ClientPtr& client, const Session& session,
             const std::string& host = "relay.contoso.com") {
  bool resumed = false;
  (void)visit(server, client, session, &resumed, host);
  return resumed;
}

TEST(Resumption, WorksAcrossContextsThatShareTheKeys) {
  const auto keys = make_keys();
  const ClientPtr client = make_client();
  const ServerPtr before = make_server({"DNS:relay.contoso.com"}, keys);
  const ServerPtr after = make_server({"DNS:relay.contoso.com"}, keys);
  const ServerPtr stranger = make_server();
  bool resumed = true;
  const Session session = visit(before, client, {}, &resumed);
  EXPECT_FALSE(resumed);
  EXPECT_TRUE(resumes(before, client, session));
  EXPECT_TRUE(resumes(after, client, session));
  EXPECT_FALSE(resumes(stranger, client, session));
}

// As the cores of a server do, while its main thread turns the keys.
TEST(Resumption, WorksForThreadsThatShareAllContexts) {
  const auto keys = make_keys();
  const ServerPtr server = make_server({"DNS:relay.contoso.com"}, keys);
  const ClientPtr client = make_client();
  std::atomic<int> visits = 0;
  std::atomic<int> resumptions = 0;
  std::vector<std::thread> cores;
  for (int core = 0; core < 4; ++core) {
    cores.emplace_back([&] {
      Session session;
      for (int i = 0; i < 25; ++i) {
        bool resumed = false;
        session = visit(server, client, session, &resumed);
        resumptions += resumed ? 1 : 0;
        ++visits;
      }
    });
  }
  for (int i = 1; i < 9; ++i) {
    while (visits < i * 10) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    keys->turn(kStart + keys->period() * i);
  }
  for (std::thread& core : cores) core.join();
  EXPECT_GT(resumptions, 20);
}

TEST(Resumption, OutlivesOneChangeOfKeysAndNotTwo) {
  const auto keys = make_keys();
  const ClientPtr client = make_client();
  const ServerPtr server = make_server({"DNS:relay.contoso.com"}, keys);
  bool resumed = true;
  const Session session = visit(server, client, {}, &resumed);
  keys->turn(kStart + keys->period());
  EXPECT_EQ(keys->count(), 2U);
  const Session renewed = visit(server, client, session, &resumed);
  EXPECT_TRUE(resumed);
  keys->turn(kStart + keys->period() * 2);
  EXPECT_EQ(keys->count(), 2U);
  EXPECT_FALSE(resumes(server, client, session));
  EXPECT_TRUE(resumes(server, client, renewed));
}

TEST(Resumption, IsDoneWithTls12AndRenewsTicketsOfAnOldKey) {
  const auto keys = make_keys();
  const ServerPtr context = make_server({"DNS:relay.contoso.com"}, keys);
  std::shared_ptr<SSL_SESSION> session;
  std::string ticket;
  const auto connect = [&](bool* renewed) {
    Stream stream(context);
    Side server(stream);
    RawClient client;
    client.version(TLS1_2_VERSION);
    if (session != nullptr) client.resume(session.get());
    EXPECT_TRUE(client.connect(server)) << stream.failure();
    session = {SSL_get1_session(client.ssl()), SSL_SESSION_free};
    const unsigned char* octets = nullptr;
    size_t count = 0;
    SSL_SESSION_get0_ticket(session.get(), &octets, &count);
    *renewed = std::string_view(reinterpret_cast<const char*>(octets), count) != ticket;
    ticket.assign(reinterpret_cast<const char*>(octets), count);
    return stream.resumed();
  };
  bool renewed = false;
  EXPECT_FALSE(connect(&renewed));
  ASSERT_TRUE(renewed);
  EXPECT_TRUE(connect(&renewed));
  EXPECT_FALSE(renewed);
  keys->turn(kStart + keys->period());
  EXPECT_TRUE(connect(&renewed));
  EXPECT_TRUE(renewed);
  keys->turn(kStart + keys->period() * 2);
  EXPECT_TRUE(connect(&renewed));
  keys->turn(kStart + keys->period() * 8);
  EXPECT_EQ(keys->count(), 1U);
  EXPECT_FALSE(connect(&renewed));
}

TEST(Resumption, IsForTheSameHostAndContextOfTheClientOnly) {
  const ServerPtr server = make_server({"DNS:relay.contoso.com,DNS:mx.contoso.com"});
  const ClientPtr client = make_client();
  bool resumed = true;
  const Session session = visit(server, client, {}, &resumed);
  EXPECT_TRUE(resumes(server, client, session));
  EXPECT_FALSE(resumes(server, client, session, "mx.contoso.com"));
  EXPECT_FALSE(resumes(server, make_client(), session));
}

TEST(Resumption, OfOurClientTakesRenewedTicketsOfTls12Too) {
  const auto keys = make_keys();
  const ServerPtr server = make_server({"DNS:relay.contoso.com"}, keys);
  SSL_CTX_set_max_proto_version(server->context_for(""), TLS1_2_VERSION);
  const ClientPtr client = make_client();
  bool resumed = true;
  Session session = visit(server, client, {}, &resumed);
  EXPECT_FALSE(resumed);
  for (int i = 1; i < 6; ++i) {
    keys->turn(kStart + keys->period() * i);
    EXPECT_TRUE(resumes(server, client, session));
    session = visit(server, client, session, &resumed);
    EXPECT_TRUE(resumed) << "after " << i << " changes of keys";
  }
}

// Else a session whose client was never asked for its certificate would pass where it is required.
TEST(Resumption, IsNotDoneWhereClientCertificatesAreTreatedInAnotherWay) {
  Files files;
  const std::string authorities = files.write("ca.pem", authority().pem);
  const std::string others =
      files.write("other.pem", issue({.common_name = "Other", .authority = true}).pem);
  using enum ServerSettings::ClientCertificate;
  const auto keys = make_keys();
  const auto context = [&](ServerSettings::ClientCertificate wish, const std::string& file) {
    return make_server(
        {"DNS:relay.contoso.com"}, keys,
        {.certificates = {}, .client_certificate = wish, .client_authorities = file});
  };
  const ClientPtr client = make_client();
  bool resumed = true;
  const ServerPtr plain = context(kIgnored, "");
  const ServerPtr asking = context(kAsked, authorities);
  const Session of_plain = visit(plain, client, {}, &resumed);
  const Session of_asking = visit(asking, client, {}, &resumed);
  EXPECT_TRUE(resumes(context(kAsked, authorities), client, of_asking));
  EXPECT_FALSE(resumes(asking, client, of_plain));
  EXPECT_FALSE(resumes(plain, client, of_asking));
  EXPECT_FALSE(resumes(context(kAsked, others), client, of_asking));
}

}  // namespace
}  // namespace relais::tls::test
