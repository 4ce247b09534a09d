#include "admin/explanation.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "folder.h"

namespace relais::admin {
namespace {

using Texts = std::vector<std::string>;

config::Folder& site(config::Folder& folder) {
  folder.write("relais.toml",
               "[server]\nfqdn = \"relay.contoso.com\"\n[[accepted_domain]]\nname = "
               "\"contoso.com\"\n" +
                   std::string(config::kGoodMain));
  folder.write("connectors/a.toml",
               "name = \"Relay\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"10.0.0.7\",\n"
               "\"192.168.5.1/24\"]\npermission_groups = [\"AnonymousUsers\"]\n[[permission]]\n"
               "user = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
               "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n");
  folder.write("connectors/b.toml",
               "name = \"Default\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = "
               "[\"0.0.0.0-255.255.255.255\"]\npermission_groups = [\"AnonymousUsers\"]\n"
               "require_ehlo_domain = true\n[[permission]]\n"
               "user = 'NT AUTHORITY\\ANONYMOUS LOGON'\ndeny = true\n"
               "extended_rights = [\"ms-Exch-SMTP-Accept-Authoritative-Domain-Sender\"]\n");
  return folder;
}

Question from(const std::string& remote, const std::string& sender = {},
              const std::string& recipient = {}) {
  Question question;
  question.local = *Endpoint::parse("0.0.0.0:25");
  question.remote = *IpAddress::parse(remote);
  if (!sender.empty()) question.sender = sender;
  if (!recipient.empty()) question.recipients = {recipient};
  return question;
}

// "command => last line of the reply" for each step.
Texts dialogue(const Explanation& explanation) {
  Texts texts;
  for (const auto& step : explanation.steps) {
    texts.push_back(step.command + " => " + step.reply.substr(step.reply.rfind('\n') + 1));
  }
  return texts;
}

TEST(Explanation, OfARelayedMessage) {
  config::Folder folder;
  const auto loaded = site(folder).load();
  ASSERT_TRUE(loaded.ok);
  const Explanation e =
      explain(loaded, from("192.168.5.10", "chris@contoso.com", "kate@fabrikam.com"));
  EXPECT_TRUE(e.accepted);
  ASSERT_EQ(e.connectors.size(), 2U);
  EXPECT_EQ(e.connectors[0].name, "Relay");
  EXPECT_EQ(e.connectors[0].range, "192.168.5.1/24");  // as it is written
  EXPECT_EQ(e.connectors[0].origin, folder.path() + "/connectors/a.toml:4");
  EXPECT_EQ(e.connectors[1].name, "Default");
  EXPECT_EQ(e.connectors[1].standing, policy::Standing::kWiderRange);
  EXPECT_EQ(e.principal, "NT AUTHORITY\\ANONYMOUS LOGON");
  EXPECT_EQ(dialogue(e), (Texts{" => 220 relay.contoso.com ESMTP MAIL Service ready at <date>",
                                "EHLO [192.168.5.10] => 250 LIMITS RCPTMAX=200",
                                "MAIL FROM:<chris@contoso.com> => 250 2.1.0 Sender OK",
                                "RCPT TO:<kate@fabrikam.com> => 250 2.1.5 Recipient OK",
                                "DATA => 354 Start mail input; end with <CRLF>.<CRLF>",
                                "(a short message) => 250 2.6.0 <GUID> Queued mail for delivery",
                                "QUIT => 221 2.0.0 Service closing transmission channel"}));
  ASSERT_EQ(e.routes.size(), 1U);
  EXPECT_EQ(e.routes[0].connector, "Out");
  EXPECT_EQ(e.routes[0].next_hops, "192.0.2.1:25");
  const auto right =
      std::ranges::find(e.rights, "ms-Exch-SMTP-Accept-Any-Recipient", &Explanation::Right::name);
  ASSERT_NE(right, e.rights.end());
  EXPECT_TRUE(right->held);
  EXPECT_EQ(right->from, "[[permission]] " + folder.path() + "/connectors/a.toml:6");
}

TEST(Explanation, OfAConnectorThatDiscardsNamesNoNextHop) {
  config::Folder folder;
  site(folder).write("connectors/c.toml",
                     "name = \"Benchmark\"\nbindings = [\"0.0.0.0:25\"]\n"
                     "remote_ip_ranges = [\"10.0.0.8\"]\n"
                     "permission_groups = [\"AnonymousUsers\"]\ndelivery = \"discard\"\n");
  const auto loaded = folder.load();
  ASSERT_TRUE(loaded.ok);
  const Explanation e = explain(loaded, from("10.0.0.8", "chris@contoso.com", "kate@contoso.com"));
  EXPECT_TRUE(e.accepted);
  EXPECT_EQ(e.connectors[0].name, "Benchmark");
  EXPECT_EQ(e.steps[5].reply, "250 2.6.0 <GUID> Discarded");
  EXPECT_TRUE(e.routes.empty());
  EXPECT_EQ(e.notes.back(),
            "\"Benchmark\" throws away all mail that it accepts, and nobody is told: delivery = "
            "\"discard\" (" +
                folder.path() + "/connectors/c.toml:5)");
  const Explanation other =
      explain(loaded, from("10.0.0.7", "chris@contoso.com", "kate@contoso.com"));
  EXPECT_EQ(other.routes.size(), 1U);
  EXPECT_EQ(other.steps[5].reply, "250 2.6.0 <GUID> Queued mail for delivery");
}

TEST(Explanation, OfARefusedRecipientSaysWhyAndWhatToChange) {
  config::Folder folder;
  const auto loaded = site(folder).load();
  auto question = from("172.16.0.1", "a@example.org", "kate@fabrikam.com");
  question.hello = "client.example";
  const Explanation e = explain(loaded, question);
  EXPECT_FALSE(e.accepted);
  EXPECT_EQ(e.connectors[0].name, "Default");
  const auto& step = e.steps.back();
  EXPECT_EQ(step.reply, "550 5.7.1 Unable to relay");
  EXPECT_EQ(step.cure,
            "add [[permission]] user = 'NT AUTHORITY\\ANONYMOUS LOGON', extended_rights = "
            "[\"ms-Exch-SMTP-Accept-Any-Recipient\"] to " +
                folder.path() +
                "/connectors/b.toml; or make the recipient's domain an [[accepted_domain]] in "
                "relais.toml");
  question.recipients = {"kate@fabrikam.com", "kate@contoso.com"};
  const Explanation both = explain(loaded, question);
  EXPECT_FALSE(both.accepted);  // one of the two is refused
  EXPECT_EQ(both.routes.size(), 1U);
}

TEST(Explanation, OfADeniedRightNamesTheDenial) {
  config::Folder folder;
  const auto loaded = site(folder).load();
  auto question = from("172.16.0.1", "a@contoso.com", "kate@contoso.com");
  question.hello = "client.example";
  const Explanation e = explain(loaded, question);
  EXPECT_EQ(e.steps.back().reply,
            "550 5.7.1 Anonymous client does not have permission to send as this sender");
  EXPECT_EQ(e.steps.back().cure,
            "take ms-Exch-SMTP-Accept-Authoritative-Domain-Sender out of the denial at " +
                folder.path() + "/connectors/b.toml:6");
  const auto right = std::ranges::find(e.rights, "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender",
                                       &Explanation::Right::name);
  EXPECT_FALSE(right->held);
  EXPECT_EQ(right->from, "denied by [[permission]] " + folder.path() +
                             "/connectors/b.toml:6; a denial beats AnonymousUsers");
}

TEST(Explanation, OfTheProtocolItself) {
  config::Folder folder;
  const auto loaded = site(folder).load();
  auto question = from("172.16.0.1", "a@example.org", "kate@contoso.com");
  question.hello = "";
  EXPECT_EQ(explain(loaded, question).steps.back().reply, "501 5.5.4 Invalid domain name");
  EXPECT_NE(explain(loaded, question).steps.back().cure.find("connectors/b.toml:5"),
            std::string::npos);
  question.hello = "client.example";
  question.sender = "no address";
  EXPECT_EQ(explain(loaded, question).steps.back().reply, "501 5.1.7 Invalid address");
  question.sender = "<>";
  EXPECT_TRUE(explain(loaded, question).accepted);
}

TEST(Explanation, BehindALoadBalancer) {
  config::Folder folder;
  site(folder).write("connectors/p.toml",
                     "name = \"Behind\"\nbindings = [\"0.0.0.0:2525\"]\n"
                     "remote_ip_ranges = [\"2001:db8::/32\"]\n"
                     "permission_groups = [\"AnonymousUsers\"]\nproxy_protocol = \"required\"\n"
                     "trusted_proxies = [\"10.0.0.5\", \"10.0.1.0/24\"]\n");
  const auto loaded = folder.load();
  ASSERT_TRUE(loaded.ok);
  auto question = from("2001:db8::7", "a@example.org", "kate@contoso.com");
  EXPECT_EQ(what_is_wrong_with(question, loaded.model),
            "a client with an IPv6 address never arrives on 0.0.0.0:25");
  question.local.port = 2525;
  EXPECT_EQ(what_is_wrong_with(question, loaded.model), "");
  const Explanation e = explain(loaded, question);
  EXPECT_TRUE(e.accepted);
  EXPECT_EQ(e.connectors.front().name, "Behind");
  EXPECT_EQ(e.notes,
            Texts{"the client is the one that a PROXY header from a trusted proxy (10.0.0.5, "
                  "10.0.1.0/24) names; anybody else who connects there is cut off"});
}

TEST(Explanation, OfSizes) {
  config::Folder folder;
  site(folder);
  auto question = from("10.0.0.7", "a@example.org", "kate@contoso.com");
  question.size = 37'748'736;
  EXPECT_TRUE(explain(folder.load(), question).accepted);
  question.size = 37'748'737;
  EXPECT_EQ(dialogue(explain(folder.load(), question)).back(),
            "MAIL FROM:<a@example.org> SIZE=37748737 => 552 5.3.4 Message size exceeds fixed "
            "maximum message size");
  // Without SIZE it is the content that is refused.
  folder.write("connectors/b.toml",
               "name = \"Small\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"10.9.0.0/24\"]"
               "\npermission_groups = [\"AnonymousUsers\"]\nsize_enabled = \"Disabled\"\n"
               "max_message_size = \"64KB\"\n");
  question.remote = *IpAddress::parse("10.9.0.1");
  for (const auto& [size, good] : {std::pair<uint64_t, bool>{65'536, true}, {65'537, false}}) {
    question.size = size;
    const Explanation e = explain(folder.load(), question);
    EXPECT_EQ(e.accepted, good) << size;
    EXPECT_EQ(e.steps[5].reply, good ? "250 2.6.0 <GUID> Queued mail for delivery"
                                     : "552 5.3.4 Message size exceeds fixed maximum message size");
  }
}

// "Users" serves 10.9.0.0/24 and lets ExchangeUsers in. `main`: sections before those of site().
config::Folder& users(config::Folder& folder, const std::string& mechanism,
                      const std::string& main = "[auth]\ndovecot_socket = \"/run/dovecot\"\n") {
  site(folder).write("relais.toml", main + std::string(config::kGoodMain));
  folder.write("connectors/b.toml",
               "name = \"Users\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"10.9.0.0/24\"]"
               "\npermission_groups = [\"ExchangeUsers\"]\nauth_mechanism = [" +
                   mechanism + "]\n");
  return folder;
}

constexpr auto kTlsAndAuth =
    "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n[auth]\ndovecot_socket = \"/run/dovecot\"\n";

TEST(Explanation, OfAnAuthenticatedUser) {
  config::Folder folder;
  users(folder, "\"BasicAuth\"");
  auto question = from("10.9.0.1", "a@example.org", "kate@fabrikam.com");
  EXPECT_EQ(explain(folder.load(), question).steps.back().reply,
            "530 5.7.1 Client was not authenticated");
  question.user = "chris";
  const Explanation e = explain(folder.load(), question);
  EXPECT_EQ(e.principal, "NT AUTHORITY\\Authenticated Users");
  EXPECT_EQ(e.notes, Texts{"this is what 'chris' may do, once it has authenticated"});
  ASSERT_GT(e.steps.size(), 3U);
  EXPECT_NE(e.steps[1].reply.find("250-AUTH PLAIN LOGIN"), std::string::npos);
  EXPECT_EQ(
      dialogue(e)[2],
      "AUTH PLAIN (the name 'chris' and its password) => 235 2.7.0 Authentication successful");
  EXPECT_EQ(e.steps.back().reply,
            "550 5.7.1 Client does not have permission to send as this sender");
}

TEST(Explanation, OfAuthThatIsNotOffered) {
  config::Folder folder;
  auto question = from("10.9.0.1", "a@example.org", "kate@fabrikam.com");
  question.user = "chris";
  const Explanation e = explain(users(folder, "\"Tls\"").load(), question);
  EXPECT_FALSE(e.accepted);
  EXPECT_EQ(e.steps.back().reply, "504 5.7.4 Unrecognized authentication type");
  const std::string place = folder.path() + "/connectors/b.toml:5";
  EXPECT_EQ(e.steps.back().reason,
            "AUTH is not offered: no BasicAuth in auth_mechanism at " + place);
  EXPECT_EQ(e.steps.back().cure, "write \"BasicAuth\" into auth_mechanism at " + place);
  EXPECT_EQ(e.principal, "NT AUTHORITY\\ANONYMOUS LOGON");
  EXPECT_EQ(e.notes,
            Texts{"'chris' has not authenticated: this is what its client may do without"});
  const Explanation nobody = explain(users(folder, "\"BasicAuth\"", "").load(), question);
  EXPECT_EQ(nobody.steps.back().reply, "504 5.7.4 Unrecognized authentication type");
  EXPECT_EQ(nobody.steps.back().reason, "AUTH is not offered: nobody knows passwords");
  EXPECT_EQ(nobody.steps.back().cure,
            "write password_file or dovecot_socket under [auth] in relais.toml");
}

TEST(Explanation, OfAuthThatNeedsTls) {
  config::Folder folder;
  auto question = from("10.9.0.1");
  question.user = "chris";
  const std::string all = "\"Tls\", \"BasicAuth\", \"BasicAuthRequireTLS\"";
  const Explanation clear = explain(users(folder, all, kTlsAndAuth).load(), question);
  EXPECT_FALSE(clear.accepted);
  EXPECT_EQ(clear.steps.back().reply,
            "538 5.7.11 Encryption required for requested authentication mechanism");
  EXPECT_EQ(clear.steps.back().reason,
            "BasicAuthRequireTLS in auth_mechanism at " + folder.path() + "/connectors/b.toml:5");
  EXPECT_EQ(clear.steps.back().cure, "begin TLS (--tls)");
  const Explanation no_certificate = explain(users(folder, all).load(), question);
  EXPECT_EQ(no_certificate.steps.back().reply.substr(0, 3), "538");
  EXPECT_TRUE(no_certificate.steps.back().cure.starts_with("write certificate and key"));
  const Explanation offered =
      explain(users(folder, "\"Tls\", \"BasicAuth\"", kTlsAndAuth).load(), question);
  EXPECT_EQ(offered.steps.back().reply.substr(0, 3), "538");
  EXPECT_EQ(offered.steps.back().reason, "where TLS is offered, no password crosses in the clear");
  question.tls = true;
  const Explanation in_tls = explain(users(folder, all, kTlsAndAuth).load(), question);
  EXPECT_TRUE(in_tls.accepted);
  EXPECT_EQ(in_tls.steps.back().reply, "235 2.7.0 Authentication successful");
}

TEST(Explanation, OfUsersWhoMayNotSubmitOrCannotBe) {
  config::Folder folder;
  users(folder, "\"BasicAuth\"");
  auto question = from("10.9.0.1");
  question.user = "chris\n";
  const Explanation e = explain(folder.load(), question);
  EXPECT_EQ(e.steps.back().reply, "535 5.7.3 Authentication unsuccessful");
  EXPECT_TRUE(e.steps.back().reason.starts_with("nobody can have this name"));
  folder.write("connectors/b.toml",
               "name = \"Users\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"10.9.0.0/24\"]"
               "\npermission_groups = [\"AnonymousUsers\"]\nauth_mechanism = [\"BasicAuth\"]\n");
  question.user = "chris";
  const Explanation none = explain(folder.load(), question);
  EXPECT_EQ(none.steps.back().reply, "535 5.7.3 Authentication unsuccessful");
  EXPECT_EQ(none.steps.back().reason,
            "NT AUTHORITY\\Authenticated Users has no ms-Exch-SMTP-Submit");
  EXPECT_TRUE(none.steps.back().cure.starts_with("write \"ExchangeUsers\" into permission_groups"))
      << none.steps.back().cure;
}

// "Partners" serves 10.9.0.0/24 and asks for certificates of example.org.
config::Folder& partners(config::Folder& folder) {
  site(folder);
  folder.write("relais.toml", "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n" +
                                  std::string(config::kGoodMain));
  folder.write("connectors/b.toml",
               "name = \"Partners\"\nbindings = [\"0.0.0.0:25\"]\n"
               "remote_ip_ranges = [\"10.9.0.0/24\"]\nauth_mechanism = [\"Tls\"]\n"
               "permission_groups = [\"AnonymousUsers\", \"Partners\"]\n"
               "domain_secure_enabled = true\ndomain_secure_domains = [\"example.org\"]\n"
               "require_tls = true\n[[permission]]\nuser = 'MS Exchange\\Partner Servers'\n"
               "extended_rights = [\"ms-Exch-SMTP-Accept-Authoritative-Domain-Sender\"]\n"
               "deny = true\n");
  return folder;
}

TEST(Explanation, OfTls) {
  config::Folder folder;
  const auto loaded = partners(folder).load();
  ASSERT_TRUE(loaded.ok);
  auto question = from("10.9.0.1", "a@contoso.com");
  const Explanation clear = explain(loaded, question);
  EXPECT_EQ(clear.steps.back().reply, "451 5.7.3 STARTTLS is required to send mail");
  EXPECT_NE(clear.steps.back().cure.find("begin TLS (--tls), or write require_tls = false at "),
            std::string::npos);
  question.tls = true;
  const Explanation in_tls = explain(loaded, question);
  EXPECT_TRUE(in_tls.accepted);
  const Texts told = dialogue(in_tls);
  ASSERT_EQ(told.size(), 5U);
  EXPECT_EQ(told[2], "STARTTLS => 220 2.0.0 SMTP server ready");
  EXPECT_NE(in_tls.steps[1].reply.find("STARTTLS"), std::string::npos);
  EXPECT_EQ(in_tls.steps[3].command, in_tls.steps[1].command);
  EXPECT_EQ(in_tls.steps[3].reply.find("STARTTLS"), std::string::npos);
  EXPECT_EQ(told[4], "MAIL FROM:<a@contoso.com> => 250 2.1.0 Sender OK");
  config::Folder without;
  question.remote = *IpAddress::parse("192.168.5.10");
  const Explanation none = explain(site(without).load(), question);
  EXPECT_EQ(dialogue(none).back(), "STARTTLS => 500 5.3.3 Unrecognized command");
  EXPECT_TRUE(none.steps.back().cure.starts_with("write a certificate into [tls]"));
}

TEST(Explanation, OfTlsWithACertificateOfItsOwn) {
  config::Folder folder;
  site(folder).write("relais.toml", std::string(config::kGoodMain) +
                                        "tls_auth_level = \"DomainValidation\"\n"
                                        "tls_domain = \"hop.contoso.com\"\n");
  folder.write("connectors/b.toml", std::string(config::kGoodConnector) +
                                        "auth_mechanism = [\"Tls\"]\n"
                                        "tls_certificate_name = \"c.pem\"\n");
  folder.remove("connectors/a.toml");
  const auto loaded = folder.load();
  ASSERT_TRUE(loaded.ok) << config::to_string(loaded.findings.front());
  auto question = from("192.168.5.10", "a@contoso.com");
  question.tls = true;
  const Explanation e = explain(loaded, question);
  ASSERT_EQ(e.steps.size(), 5U);
  EXPECT_NE(e.steps[1].reply.find("250-STARTTLS"), std::string::npos) << e.steps[1].reply;
  EXPECT_NE(e.steps[3].reply.find("REQUIRETLS"), std::string::npos) << e.steps[3].reply;
}

TEST(Explanation, OfAPartnersCertificate) {
  config::Folder folder;
  const auto loaded = partners(folder).load();
  ASSERT_TRUE(loaded.ok);
  auto question = from("10.9.0.1", "a@example.org");
  question.tls = true;
  const Explanation without = explain(loaded, question);
  EXPECT_EQ(without.principal, "NT AUTHORITY\\ANONYMOUS LOGON");
  EXPECT_EQ(without.steps.back().reply,
            "550 5.7.1 A certificate of the sender's domain is required");
  EXPECT_NE(without.steps.back().cure.find("connectors/b.toml:7"), std::string::npos);
  question.certificate_name = "mx.example.org";
  const Explanation with = explain(loaded, question);
  EXPECT_EQ(with.principal, "MS Exchange\\Partner Servers");
  EXPECT_TRUE(with.accepted);
  EXPECT_EQ(with.notes, Texts{"a trusted certificate of mx.example.org makes it a partner's "
                              "session, for example.org"});
  const auto right = [](const Explanation& e, const std::string& name) {
    for (const Explanation::Right& entry : e.rights)
      if (entry.name == name) return (entry.held ? "yes " : "no ") + entry.from;
    return std::string();
  };
  EXPECT_EQ(right(with, "ms-Exch-SMTP-Submit"), "yes Partners, AnonymousUsers");
  EXPECT_EQ(right(with, "ms-Exch-SMTP-Accept-Any-Sender"), "yes AnonymousUsers");
  EXPECT_EQ(right(with, "ms-Exch-SMTP-Accept-Any-Recipient"), "no ");
  EXPECT_EQ(right(with, "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender"),
            "no denied by [[permission]] " + folder.path() + "/connectors/b.toml" +
                ":9; a denial beats AnonymousUsers");
  EXPECT_EQ(right(without, "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender"),
            "yes AnonymousUsers");
  question.certificate_name = "mx.example.net";
  const Explanation other = explain(loaded, question);
  EXPECT_EQ(other.principal, "NT AUTHORITY\\ANONYMOUS LOGON");
  EXPECT_FALSE(other.accepted);
  EXPECT_EQ(other.notes, Texts{"the certificate changes nothing: mx.example.net is of no domain in "
                               "domain_secure_domains"});
}

TEST(Explanation, BehindXclient) {
  config::Folder folder;
  site(folder);
  folder.write("connectors/c.toml",
               "name = \"Proxies\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = "
               "[\"10.5.0.0/24\"]\nxclient_hosts = [\"10.5.0.1\"]\n"
               "permission_groups = [\"AnonymousUsers\"]\n");
  const auto loaded = folder.load();
  ASSERT_TRUE(loaded.ok);
  auto question = from("10.5.0.1", "chris@contoso.com", "kate@fabrikam.com");
  EXPECT_FALSE(explain(loaded, question).accepted) << "the proxy itself may not relay";
  question.named = IpAddress::parse("192.168.5.10");
  const Explanation e = explain(loaded, question);
  EXPECT_TRUE(e.accepted);
  EXPECT_EQ(e.connectors[0].name, "Relay");
  EXPECT_EQ(e.notes, Texts{"10.5.0.1 is one of the xclient_hosts of \"Proxies\": all that follows "
                           "is about 192.168.5.10"});
  const Texts told = dialogue(e);
  ASSERT_GT(told.size(), 4U);
  EXPECT_TRUE(told[1].starts_with("EHLO [10.5.0.1] => 250")) << told[1];
  EXPECT_TRUE(told[2].starts_with("XCLIENT ADDR=192.168.5.10 => 220 ")) << told[2];
  EXPECT_TRUE(told[3].starts_with("EHLO [192.168.5.10] => 250")) << told[3];
  question.user = "chris+sales@contoso.com";
  const Explanation of_user = explain(loaded, question);
  EXPECT_EQ(of_user.principal, "NT AUTHORITY\\Authenticated Users");
  EXPECT_TRUE(dialogue(of_user)[2].starts_with(
      "XCLIENT ADDR=192.168.5.10 LOGIN=chris+2Bsales@contoso.com => 220 "))
      << dialogue(of_user)[2];
  for (const auto& step : of_user.steps) EXPECT_FALSE(step.command.starts_with("AUTH"));
  question.user.clear();
  question.remote = *IpAddress::parse("10.5.0.2");
  const Explanation untrusted = explain(loaded, question);
  EXPECT_FALSE(untrusted.accepted);
  EXPECT_EQ(untrusted.connectors[0].name, "Proxies");
  EXPECT_EQ(dialogue(untrusted).back(),
            "XCLIENT ADDR=192.168.5.10 => 500 5.3.3 Unrecognized command");
  EXPECT_TRUE(untrusted.steps.back().cure.starts_with("add 10.5.0.2 to xclient_hosts of "));
  folder.remove("connectors/b.toml");
  question.remote = *IpAddress::parse("10.5.0.1");
  question.named = IpAddress::parse("172.16.0.1");
  EXPECT_EQ(dialogue(explain(folder.load(), question)).back(),
            "XCLIENT ADDR=172.16.0.1 => 421 4.3.2 System not accepting network messages");
}

TEST(Explanation, OfWhoIsNotServed) {
  config::Folder folder;
  site(folder).remove("connectors/b.toml");
  const Explanation e = explain(folder.load(), from("172.16.0.1"));
  EXPECT_FALSE(e.served || e.accepted);
  EXPECT_EQ(dialogue(e), Texts{" => 421 4.3.2 System not accepting network messages"});
  EXPECT_EQ(e.steps[0].cure, "add 172.16.0.1 to the remote_ip_ranges of \"Relay\"");
  auto question = from("172.16.0.1");
  question.local.port = 26;
  const Explanation nothing = explain(folder.load(), question);
  EXPECT_EQ(nothing.notes, Texts{"nothing listens on port 26"});
  EXPECT_EQ(nothing.steps[0].reply, "(no connection: nothing listens there)");
}

TEST(Explanation, QuestionsThatCannotBeAsked) {
  Question question = from("10.0.0.7");
  EXPECT_EQ(what_is_wrong_with(question, {}), "");
  question.local = *Endpoint::parse("[::]:25");
  EXPECT_EQ(what_is_wrong_with(question, {}),
            "a client with an IPv4 address never arrives on [::]:25");
  question = from("10.0.0.7", "a@b\r\nRCPT TO:<x@y>");
  EXPECT_EQ(what_is_wrong_with(question, {}), "an argument holds a control character");
  question = from("10.0.0.7");
  question.named = IpAddress::parse("2001:db8::1");
  EXPECT_EQ(what_is_wrong_with(question, {}), "");
  question.certificate_name = "mx.example.org";
  EXPECT_EQ(what_is_wrong_with(question, {}),
            "behind XCLIENT a certificate counts for nothing: it is the proxy's");
}

TEST(Explanation, ShowsWhatARunningServerHasCounted) {
  config::Folder folder;
  const auto loaded = site(folder).load();
  const Question question = from("192.168.5.10");
  Explanation e = explain(loaded, question);
  PresentUse use{.running = false, .updated = {}, .connectors = {{"Default", 3}, {"Relay", 12}}};
  add_present_levels(e, use);
  EXPECT_EQ(to_text(e, question).find(" now)"), std::string::npos);
  use.running = true;
  add_present_levels(e, use);
  EXPECT_NE(to_text(e, question)
                .find("max_inbound_connection                        5000  (12 "
                      "now)\n"),
            std::string::npos)
      << to_text(e, question);
  EXPECT_NE(to_json(e, question).find("\"value\":\"5000\",\"enforced\":true,\"now\":12}"),
            std::string::npos);
}

TEST(Explanation, ShowsHowMuchOfALimitIsUsed) {
  config::Folder folder;
  const auto loaded = site(folder).load();
  const Question question = from("192.168.5.10");
  Explanation e = explain(loaded, question);
  LiveFigures live;
  live.limits.resize(2);
  live.limits[0] = {.connector = "Relay", .name = "max_inbound_connection", .terms = {}};
  live.limits[0].level = 0.5;
  live.limits[1] = {.connector = "Relay",
                    .name = "max_inbound_connection_per_source",
                    .terms = {},
                    .sources = {{"192.168.5.11", 1, {}}, {"192.168.5.10", 0.25, {}}}};
  add_present_levels(e, live, question.remote);
  const auto level = [&](std::string_view name) {
    return std::ranges::find(e.binding, name, &BindingLimit::name)->now;
  };
  EXPECT_EQ(level("max_inbound_connection"), 0.5);
  EXPECT_EQ(level("max_inbound_connection_per_source"), 0.25);
  EXPECT_EQ(level("max_connection_rate_per_minute"), std::nullopt);
  EXPECT_NE(to_text(e, question).find("  (50 % used now)\n"), std::string::npos)
      << to_text(e, question);
  EXPECT_NE(to_json(e, question).find("\"level\":0.25"), std::string::npos);
  Explanation other = explain(loaded, question);
  add_present_levels(other, live, *IpAddress::parse("192.168.5.12"));
  EXPECT_EQ(to_json(other, question).find("\"level\":0.25"), std::string::npos);
}

TEST(Explanation, PrintsForPeopleAndForMachines) {
  config::Folder folder;
  const auto loaded = site(folder).load();
  const Question question = from("192.168.5.10", "chris@contoso.com", "kate@fabrikam.com");
  const Explanation e = explain(loaded, question);
  const std::string text = to_text(e, question);
  EXPECT_NE(text.find("Connector   \"Relay\" by '192.168.5.1/24' ("), std::string::npos) << text;
  EXPECT_NE(text.find("  S: 250 2.1.5 Recipient OK\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("Result      accepted\n")) << text;
  const std::string json = to_json(e, question);
  EXPECT_TRUE(
      json.starts_with("{\"remote\":\"192.168.5.10\",\"local\":\"0.0.0.0:25\",\"result\":"
                       "\"accepted\","))
      << json;
  EXPECT_TRUE(json.ends_with("}\n"));
}

}  // namespace
}  // namespace relais::admin
