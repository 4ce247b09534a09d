// Both roles against each other: every way of cutting the bytes, and closing in every state.
#include <gtest/gtest.h>

#include "pair.h"
#include "raw_client.h"

namespace relais::tls::test {
namespace {

std::string long_text(size_t octets) {
  std::string text;
  for (size_t i = 0; text.size() < octets; ++i) text += std::to_string(i) + "\r\n";
  text.resize(octets);
  return text;
}

struct Connection {
  explicit Connection(Cutter its_cutter = Cutter::whole(), ServerPtr context = make_server())
      : server_stream(std::move(context)), cutter(its_cutter) {}

  void open() {
    client.hear("", cutter);
    talk(client, server, cutter);
    ASSERT_EQ(client.log, "opened ") << client_stream.failure();
    ASSERT_EQ(server.log, "opened ") << server_stream.failure();
  }

  Stream server_stream;
  Stream client_stream{make_client(), "relay.contoso.com"};
  Side server{server_stream};
  Side client{client_stream};
  Cutter cutter;
};

class Cuts : public testing::TestWithParam<int> {
 protected:
  static Cutter cutter() {
    switch (GetParam()) {
      case 0:
        return Cutter::whole();
      case 1:
        return Cutter::octets(1);
      case 2:
        return Cutter::octets(16'384);
      default:
        return Cutter::random(static_cast<uint64_t>(GetParam()));
    }
  }
};

TEST_P(Cuts, CarryTextBothWaysAndClose) {
  Connection both(cutter());
  both.open();
  const std::string question = "EHLO app17.contoso.com\r\n";
  const std::string content = long_text(100'000);
  both.server.memory = 1'000 + static_cast<size_t>(GetParam());
  ASSERT_TRUE(both.client_stream.write(question));
  ASSERT_TRUE(both.client_stream.write(content));
  talk(both.client, both.server, both.cutter);
  EXPECT_EQ(both.server.heard, question + content);

  ASSERT_TRUE(both.server_stream.write(content));
  talk(both.server, both.client, both.cutter);
  EXPECT_EQ(both.client.heard, content);

  ASSERT_TRUE(both.client_stream.write("QUIT\r\n"));
  both.client_stream.close();
  talk(both.client, both.server, both.cutter);
  EXPECT_TRUE(both.server.heard.ends_with("QUIT\r\n"));
  EXPECT_EQ(both.server.log, "opened ended ");
  EXPECT_EQ(both.client.log, "opened ended ");
  EXPECT_EQ(both.server_stream.state(), Stream::State::kClosed);
}

INSTANTIATE_TEST_SUITE_P(Tls, Cuts, testing::Range(0, 24));

TEST(Handshake, TellsVersionCipherBitsAndName) {
  Connection both;
  both.open();
  for (const Stream* stream : {&both.server_stream, &both.client_stream}) {
    EXPECT_EQ(stream->version(), "TLSv1.3");
    EXPECT_EQ(stream->cipher(), "TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(stream->bits(), 128);
    EXPECT_FALSE(stream->resumed());
  }
  EXPECT_EQ(both.server_stream.server_name(), "relay.contoso.com");
  EXPECT_FALSE(both.server_stream.peer_certificate());
  const auto shown = both.client_stream.peer_certificate();
  ASSERT_TRUE(shown);
  EXPECT_TRUE(shown->trusted) << shown->problem;
  EXPECT_EQ(shown->subject, "CN=Test Server");
  EXPECT_EQ(shown->dns_names, std::vector<std::string>{"relay.contoso.com"});
  EXPECT_EQ(shown->sha256.size(), 64U);
}

TEST(Handshake, IsDoneWithTls12) {
  Stream stream(make_server());
  Side server(stream);
  RawClient client;
  client.version(TLS1_2_VERSION);
  ASSERT_TRUE(client.connect(server)) << stream.failure();
  EXPECT_EQ(stream.version(), "TLSv1.2");
  EXPECT_EQ(stream.cipher(), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  client.send("NOOP\r\n");
  client.exchange(server);
  EXPECT_EQ(server.heard, "NOOP\r\n");
  ASSERT_TRUE(stream.write("250 OK\r\n"));
  client.give(server.take());
  EXPECT_EQ(client.heard(), "250 OK\r\n");
}

TEST(Handshake, IsRefusedWithTls11AndWithOldCiphers) {
  struct Row {
    int version;
    const char* ciphers;
    const char* failure;
  };
  for (const Row& row : {Row{TLS1_1_VERSION, "ALL:@SECLEVEL=0", "unsupported protocol"},
                         Row{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", "no shared cipher"},
                         Row{TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", "no shared cipher"}}) {
    Stream stream(make_server());
    Side server(stream);
    RawClient client;
    client.version(row.version);
    if (row.version < TLS1_2_VERSION) SSL_CTX_set_min_proto_version(client.context(), row.version);
    SSL_CTX_set_cipher_list(client.context(), row.ciphers);
    EXPECT_FALSE(client.connect(server));
    EXPECT_EQ(stream.failure(), row.failure);
  }
}

TEST(Handshake, TakesAnRsaOrAnEcCertificateAsTheClientCan) {
  Files files;
  const Issued& ec = issued_for("DNS:relay.contoso.com");
  const Issued& rsa = issued_for("DNS:relay.contoso.com", KeyType::kRsa2048);
  const auto loaded = ServerContext::load(
      {.certificates = {{files.write("ec.pem", ec.pem), files.write("ec.key", ec.key_pem)},
                        {files.write("rsa.pem", rsa.pem), files.write("rsa.key", rsa.key_pem)}},
       .client_authorities = {}},
      make_keys(), now());
  EXPECT_TRUE(loaded.findings.empty());
  for (const char* cipher : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}) {
    Stream stream(loaded.context);
    Side server(stream);
    RawClient client;
    client.version(TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(client.context(), cipher);
    EXPECT_TRUE(client.connect(server)) << cipher << ": " << stream.failure();
  }
}

TEST(Handshake, SaysNothingBeforeTheClientHasAndWaitsForAWholeHello) {
  Stream hello_maker(make_client(), "relay.contoso.com");
  Side client(hello_maker);
  client.hear("");
  const std::string hello = client.take();
  ASSERT_GT(hello.size(), 100U);
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{5}, size_t{60}, hello.size() - 1}) {
    Stream stream(make_server());
    Side server(stream);
    server.hear(std::string_view(hello).substr(0, cut));
    EXPECT_EQ(server.log, "");
    EXPECT_EQ(stream.output(), "");
    EXPECT_FALSE(stream.write("220 too early\r\n"));
    EXPECT_EQ(stream.output(), "");
  }
}

TEST(Close, InTheHandshakeIsSilentAndForGood) {
  Connection both;
  both.client.hear("");
  const std::string hello = both.client.take();
  both.server.hear(std::string_view(hello).substr(0, 50));
  both.server_stream.close();
  EXPECT_EQ(both.server_stream.output(), "");
  both.server.hear(std::string_view(hello).substr(50));
  EXPECT_EQ(both.server.log, "ended ");
  EXPECT_EQ(both.server_stream.output(), "");
  EXPECT_FALSE(both.server_stream.write("x"));
}

TEST(Close, AnswersTheFarewellOnceAndThenNothing) {
  Connection both;
  both.open();
  both.client_stream.close();
  const std::string farewell = both.client.take();
  EXPECT_FALSE(farewell.empty());
  both.server.hear(farewell);
  EXPECT_EQ(both.server.log, "opened ended ");
  EXPECT_FALSE(both.server.take().empty());
  EXPECT_FALSE(both.server_stream.write("250 OK\r\n"));
  both.server_stream.close();
  both.server.hear(farewell);
  both.server.hear("NOOP\r\n");
  EXPECT_EQ(both.server_stream.output(), "");
  EXPECT_EQ(both.server.heard, "");
}

TEST(Close, OfThePeerLeavesItsAnswersToUs) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Stream stream(make_server());
    Side server(stream);
    server.answers_end = false;
    RawClient client;
    client.version(version);
    ASSERT_TRUE(client.connect(server));
    client.send("QUIT\r\n");
    EXPECT_EQ(SSL_shutdown(client.ssl()), 0);
    server.hear(client.take());
    EXPECT_EQ(server.heard, "QUIT\r\n");
    EXPECT_EQ(server.log, "opened ended ");
    EXPECT_TRUE(stream.writable());
    EXPECT_TRUE(stream.write("221 2.0.0 Bye\r\n"));
    stream.close();
    EXPECT_FALSE(stream.write("more"));
    client.give(server.take());
    EXPECT_EQ(client.heard(), "221 2.0.0 Bye\r\n");
    EXPECT_EQ(SSL_get_shutdown(client.ssl()), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
}

TEST(Close, OfOursLeavesNothingToRead) {
  Connection both;
  both.open();
  ASSERT_TRUE(both.client_stream.write("MAIL FROM:<>\r\n"));
  both.server_stream.close();
  both.server_stream.close();
  talk(both.client, both.server);
  EXPECT_EQ(both.server.heard, "");
  EXPECT_EQ(both.server.log, "opened ended ");
  EXPECT_EQ(both.client.log, "opened ended ");
}

TEST(Close, GivesTheTextInFrontOfIt) {
  Connection both;
  both.open();
  ASSERT_TRUE(both.server_stream.write("221 2.0.0 Bye\r\n"));
  both.server_stream.close();
  EXPECT_FALSE(both.server_stream.write("more"));
  both.client.hear(both.server.take());
  EXPECT_EQ(both.client.heard, "221 2.0.0 Bye\r\n");
  EXPECT_EQ(both.client.log, "opened ended ");
}

TEST(Reload, LeavesRunningSessionsTheirContext) {
  Stream server_stream(make_server());  // nobody else holds the context
  Stream client_stream(make_client(), "relay.contoso.com");
  Side server(server_stream);
  Side client(client_stream);
  client.hear("");
  talk(client, server);
  EXPECT_EQ(server.log, "opened ");
  ASSERT_TRUE(client_stream.write("NOOP\r\n"));
  talk(client, server);
  EXPECT_EQ(server.heard, "NOOP\r\n");
}

}  // namespace
}  // namespace relais::tls::test
