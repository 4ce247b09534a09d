// Certificates of clients: asked for, judged, and fatal only where that was asked for, too.
#include <gtest/gtest.h>

#include "pair.h"
#include "raw_client.h"

namespace relais::tls::test {
namespace {

using ClientCertificate = ServerSettings::ClientCertificate;

struct Outcome {
  bool connected = false;
  std::string failure;
  std::optional<PeerCertificate> peer;
  std::optional<PeerCertificate> peer_of_resumed;
};

Outcome outcome(ClientCertificate wish, const Issued* certificate, int version) {
  Files files;
  const ServerPtr context =
      make_server({"DNS:relay.contoso.com"}, make_keys(),
                  {.certificates = {},
                   .client_certificate = wish,
                   .client_authorities = files.write("ca.pem", authority().pem)});
  Outcome result;
  Stream stream(context);
  Side server(stream);
  RawClient client;
  client.version(version);
  if (certificate != nullptr) client.certificate(*certificate);
  (void)client.connect(server);
  result.connected = server.log == "opened ";
  result.failure = stream.failure();
  if (!result.connected) return result;
  result.peer = stream.peer_certificate();

  Stream again_stream(context);
  Side again(again_stream);
  RawClient resuming;
  const std::shared_ptr<SSL_SESSION> session = client.session();
  resuming.version(version).resume(session.get());
  EXPECT_TRUE(resuming.connect(again));
  EXPECT_TRUE(again_stream.resumed());
  result.peer_of_resumed = again_stream.peer_certificate();
  return result;
}

TEST(ClientAuthorities, ThatAreNoneAreFound) {
  Files files;
  const Issued& leaf = issued_for("DNS:app17.contoso.com");
  const auto found = [&](const std::string& pem) {
    const Issued& own = issued_for("DNS:relay.contoso.com");
    const auto loaded = ServerContext::load(
        {.certificates = {{files.write("own.pem", own.pem), files.write("own.key", own.key_pem)}},
         .client_certificate = ClientCertificate::kAsked,
         .client_authorities = files.write("ca.pem", pem)},
        make_keys(), now());
    EXPECT_NE(loaded.context, nullptr);
    std::string text;
    for (const Finding& finding : loaded.findings) {
      EXPECT_EQ(finding.severity, Finding::Severity::kWarning);
      text += to_string(finding) + '\n';
    }
    return files.masked(text);
  };
  EXPECT_EQ(found(authority().pem), "");
  EXPECT_EQ(
      found(authority().pem + leaf.pem),
      "DIR/ca.pem: certificate 2 of the file is no authority's, so nothing can be verified by "
      "it. Put the certificate of the authority that signed it into the file\n");
}

class ClientCertificates : public testing::TestWithParam<int> {};

TEST_P(ClientCertificates, MayBeMissingWhereTheyAreOnlyAskedFor) {
  const Outcome result = outcome(ClientCertificate::kAsked, nullptr, GetParam());
  EXPECT_TRUE(result.connected) << result.failure;
  EXPECT_FALSE(result.peer);
}

TEST_P(ClientCertificates, AreKnownAndTrustedAlsoWhenResumed) {
  const Issued& issued = issued_for("DNS:app17.contoso.com,email:app@contoso.com");
  const Outcome result = outcome(ClientCertificate::kAsked, &issued, GetParam());
  ASSERT_TRUE(result.connected) << result.failure;
  // A ticket does not make it last longer.
  EXPECT_GT(result.peer->not_after, now());
  EXPECT_EQ(result.peer_of_resumed->not_after, result.peer->not_after);
  for (const auto& peer : {result.peer, result.peer_of_resumed}) {
    ASSERT_TRUE(peer);
    EXPECT_TRUE(peer->trusted) << peer->problem;
    EXPECT_EQ(peer->problem, "");
    EXPECT_EQ(peer->subject, "CN=Test Server");
    EXPECT_EQ(peer->dns_names, std::vector<std::string>{"app17.contoso.com"});
    EXPECT_EQ(peer->mail_addresses, std::vector<std::string>{"app@contoso.com"});
    EXPECT_EQ(peer->sha256, result.peer->sha256);
  }
}

TEST_P(ClientCertificates, OfStrangersAreNotTrustedButNotFatalEither) {
  const Issued stranger = issue({.common_name = "Eve\n250 OK, \xc3\xa4", .names = {}});
  const Outcome result = outcome(ClientCertificate::kAsked, &stranger, GetParam());
  ASSERT_TRUE(result.connected) << result.failure;
  for (const auto& peer : {result.peer, result.peer_of_resumed}) {
    ASSERT_TRUE(peer);
    EXPECT_FALSE(peer->trusted);
    EXPECT_EQ(peer->problem, "self-signed certificate");
    EXPECT_EQ(peer->subject, "CN=Eve\\0A250 OK\\, \xc3\xa4");
    EXPECT_TRUE(peer->dns_names.empty()) << "that common name is no host's";
  }
}

TEST_P(ClientCertificates, ThatHaveExpiredAreNotTrusted) {
  const Issued expired = issue(
      {.common_name = "old", .names = {"DNS:old.contoso.com"}, .begins_days = -9, .ends_days = -2},
      &authority());
  const Outcome result = outcome(ClientCertificate::kAsked, &expired, GetParam());
  ASSERT_TRUE(result.peer);
  EXPECT_FALSE(result.peer->trusted);
  EXPECT_EQ(result.peer->problem, "certificate has expired");
}

TEST_P(ClientCertificates, AreFatalWhereTheyAreRequired) {
  EXPECT_EQ(outcome(ClientCertificate::kRequired, nullptr, GetParam()).failure,
            "peer did not return a certificate");
  const Issued stranger = issue({.common_name = "Eve", .names = {}});
  EXPECT_EQ(outcome(ClientCertificate::kRequired, &stranger, GetParam()).failure,
            "certificate verify failed: self-signed certificate");
  const Issued& good = issued_for("DNS:app17.contoso.com");
  EXPECT_TRUE(outcome(ClientCertificate::kRequired, &good, GetParam()).connected);
}

TEST_P(ClientCertificates, AreNotAskedForWhereNobodyCares) {
  const Issued& good = issued_for("DNS:app17.contoso.com");
  const Outcome result = outcome(ClientCertificate::kIgnored, &good, GetParam());
  EXPECT_TRUE(result.connected);
  EXPECT_FALSE(result.peer);
}

INSTANTIATE_TEST_SUITE_P(Versions, ClientCertificates,
                         testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace relais::tls::test
