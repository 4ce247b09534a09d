// Our own client: what it believes.
#include <gtest/gtest.h>

#include "pair.h"

namespace relais::tls::test {
namespace {

// "" or why the client refused.
std::string verdict(const Issued& shown, const ClientPtr& client_context, const std::string& host) {
  Files files;
  const auto loaded =
      ServerContext::load({.certificates = {{files.write("c.pem", shown.pem + shown.key_pem), ""}},
                           .client_authorities = {}},
                          make_keys(), now());
  Stream server_stream(loaded.context);
  Stream client_stream(client_context, host);
  Side server(server_stream);
  Side client(client_stream);
  client.hear("");
  talk(client, server);
  EXPECT_EQ(client.log, client_stream.failure().empty() ? "opened " : "failed ");
  if (!client_stream.failure().empty()) {
    EXPECT_FALSE(client_stream.write("MAIL FROM:<secret@contoso.com>\r\n"));
    EXPECT_EQ(server.log, "failed ") << "the server is told by an alert";
  }
  return client_stream.failure();
}

TEST(Client, VerifiesChainNameAndDates) {
  const ClientPtr verifying = make_client();
  const Issued& good = issued_for("DNS:mx.contoso.com,DNS:*.fabrikam.com,IP:192.0.2.1");
  EXPECT_EQ(verdict(good, verifying, "mx.contoso.com"), "");
  EXPECT_EQ(verdict(good, verifying, "MX.contoso.com"), "");
  EXPECT_EQ(verdict(good, verifying, "mail.fabrikam.com"), "");
  EXPECT_EQ(verdict(good, verifying, "192.0.2.1"), "");
  EXPECT_EQ(verdict(good, verifying, "other.contoso.com"),
            "certificate verify failed: hostname mismatch");
  EXPECT_EQ(verdict(good, verifying, "a.mail.fabrikam.com"),
            "certificate verify failed: hostname mismatch");
  EXPECT_EQ(verdict(good, verifying, "192.0.2.2"),
            "certificate verify failed: IP address mismatch");

  const Issued stranger = issue({.names = {"DNS:mx.contoso.com"}});
  EXPECT_EQ(verdict(stranger, verifying, "mx.contoso.com"),
            "certificate verify failed: self-signed certificate");
  const Issued expired =
      issue({.names = {"DNS:mx.contoso.com"}, .begins_days = -9, .ends_days = -2}, &authority());
  EXPECT_EQ(verdict(expired, verifying, "mx.contoso.com"),
            "certificate verify failed: certificate has expired");
}

TEST(Client, TakesAnythingWhereItDoesNotVerify) {
  const ClientPtr any = make_client(false);
  const Issued stranger =
      issue({.names = {"DNS:somebody.else.example"}, .begins_days = -9, .ends_days = -2});
  EXPECT_EQ(verdict(stranger, any, "mx.contoso.com"), "");
  EXPECT_EQ(verdict(stranger, any, "192.0.2.1"), "");
}

TEST(Client, VerifiesTheChainAloneWhereItIsToldSo) {
  Files files;
  const auto loaded = ClientContext::load({.verify = true,
                                           .verify_name = false,
                                           .authorities = files.write("ca.pem", authority().pem)});
  ASSERT_NE(loaded.context, nullptr);
  EXPECT_EQ(verdict(issued_for("DNS:somebody.else.example"), loaded.context, "192.0.2.1"), "");
  EXPECT_EQ(verdict(issued_for("DNS:somebody.else.example"), loaded.context, ""), "");
  const Issued stranger = issue({.names = {"DNS:mx.contoso.com"}});
  EXPECT_EQ(verdict(stranger, loaded.context, "mx.contoso.com"),
            "certificate verify failed: self-signed certificate");
  const Issued expired =
      issue({.names = {"DNS:mx.contoso.com"}, .begins_days = -9, .ends_days = -2}, &authority());
  EXPECT_EQ(verdict(expired, loaded.context, "mx.contoso.com"),
            "certificate verify failed: certificate has expired");
}

TEST(Client, ConnectsToNoNameOnlyWhereItDoesNotVerify) {
  EXPECT_EQ(verdict(issued_for("DNS:mx.contoso.com"), make_client(false), ""), "");
  Stream stream(make_client(), "");
  EXPECT_EQ(stream.state(), Stream::State::kFailed);
  EXPECT_EQ(stream.output(), "");
}

TEST(Client, NeedsAuthoritiesThatCanBeRead) {
  Files files;
  const auto absent = ClientContext::load({.verify = true, .authorities = files.path("ca.pem")});
  EXPECT_EQ(absent.context, nullptr);
  ASSERT_EQ(absent.findings.size(), 1U);
  EXPECT_EQ(files.masked(to_string(absent.findings[0])),
            "DIR/ca.pem: cannot be read: no such file or directory. Write the path of a file that "
            "relais may read");
  const auto no_authority =
      ClientContext::load({.verify = true, .authorities = files.write("ca.pem", "hello")});
  EXPECT_EQ(no_authority.context, nullptr);
  ASSERT_EQ(no_authority.findings.size(), 1U);
  EXPECT_EQ(no_authority.findings[0].trouble, Trouble::kNotPem);
}

TEST(Client, KnowsTheAuthoritiesOfTheSystem) {
  const auto loaded = ClientContext::load({.verify = true, .authorities = ""});
  ASSERT_NE(loaded.context, nullptr);
  EXPECT_EQ(verdict(issued_for("DNS:mx.contoso.com"), loaded.context, "mx.contoso.com"),
            "certificate verify failed: unable to get local issuer certificate");
}

}  // namespace
}  // namespace relais::tls::test
