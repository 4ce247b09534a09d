// Which certificate a client is shown.
#include <gtest/gtest.h>

#include "pair.h"
#include "raw_client.h"

namespace relais::tls::test {
namespace {

std::string shown(const ServerPtr& context, const std::string& name, int version) {
  Stream stream(context);
  Side server(stream);
  RawClient client;
  client.version(version);
  if (!name.empty()) client.name(name);
  if (!client.connect(server)) return "failed: " + stream.failure();
  const std::shared_ptr<X509> certificate(SSL_get1_peer_certificate(client.ssl()), X509_free);
  return describe_peer(*certificate, 0).dns_names.front();
}

TEST(ServerName, ChoosesTheCertificate) {
  const ServerPtr context = make_server(
      {"DNS:relay.contoso.com", "DNS:*.fabrikam.com", "DNS:mx.fabrikam.com,DNS:mail.example.net"});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto of = [&](const std::string& name) { return shown(context, name, version); };
    EXPECT_EQ(of(""), "relay.contoso.com");
    EXPECT_EQ(of("relay.contoso.com"), "relay.contoso.com");
    EXPECT_EQ(of("smtp.fabrikam.com"), "*.fabrikam.com");
    EXPECT_EQ(of("MX.fabrikam.com"), "mx.fabrikam.com");
    EXPECT_EQ(of("mail.example.net"), "mx.fabrikam.com");
    EXPECT_EQ(of("unknown.example.org"), "relay.contoso.com");
    EXPECT_EQ(of("a.b.fabrikam.com"), "relay.contoso.com");
  }
}

TEST(ServerName, IsKnownOnlyWhenItIsAName) {
  const ServerPtr context = make_server();
  for (const auto& [name, seen] : std::vector<std::pair<std::string, std::string>>{
           {"relay.contoso.com", "relay.contoso.com"},
           {"Unknown.example.org", "Unknown.example.org"},
           {"a b\r\n250 OK", ""},
           {"\xff\xfe", ""}}) {
    Stream stream(context);
    Side server(stream);
    RawClient client;
    client.name(name);
    EXPECT_TRUE(client.connect(server)) << stream.failure();
    EXPECT_EQ(stream.server_name(), seen);
  }
}

TEST(ServerContext, ListsWhatIsInUse) {
  const ServerPtr context = make_server({"DNS:Relay.contoso.com", "DNS:*.fabrikam.com"});
  ASSERT_EQ(context->certificates().size(), 2U);
  EXPECT_EQ(context->certificates()[0].names, std::vector<std::string>{"relay.contoso.com"});
  const Duration left = context->certificates()[1].not_after - now();
  EXPECT_NEAR(static_cast<double>(left.seconds()) / 86'400, 365.0, 0.1);
}

}  // namespace
}  // namespace relais::tls::test
