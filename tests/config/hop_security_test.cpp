// TLS and AUTH of Send connectors: what is read, what is refused, and password files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "config/load.h"
#include "config/password_file.h"
#include "folder.h"

namespace relais::config {
namespace {

const std::string kLogon = "auth_user = \"relay\"\nauth_password_file = \"password\"\n";

Loaded load_with_hop(Folder& folder, const std::string& keys) {
  folder.write("relais.toml", std::string(kGoodMain) + keys);
  folder.write("connectors/a.toml", kGoodConnector);
  return folder.load();
}

Texts hop_findings(const std::string& keys) {
  Folder folder;
  load_with_hop(folder, keys);
  Texts texts;
  for (std::string& text : folder.findings()) {
    constexpr std::string_view kWhere = "DIR/relais.toml:";
    EXPECT_TRUE(text.starts_with(kWhere)) << text;
    const size_t line = text.find(": ");
    constexpr std::string_view kSection = "send_connector[0].";
    const size_t section = text.find(kSection);
    if (section != std::string::npos) text.erase(section, kSection.size());
    texts.push_back(text.substr(line + 2));
  }
  return texts;
}

SendConnector hop_of(const std::string& keys) {
  Folder folder;
  const Loaded loaded = load_with_hop(folder, keys);
  EXPECT_TRUE(loaded.ok) << keys << testing::PrintToString(folder.findings());
  return loaded.model.send_connectors.at(0);
}

TEST(HopSecurity, IsOpportunisticUnlessItIsSaid) {
  const SendConnector plain = hop_of("");
  EXPECT_FALSE(plain.requires_tls());
  EXPECT_FALSE(plain.verifies());
  EXPECT_EQ(plain.tls_start, TlsStart::kStartTls);
  EXPECT_EQ(plain.auth, SmartHostAuth::kNone);
  EXPECT_TRUE(hop_of("require_tls = true\n").requires_tls());
  EXPECT_TRUE(hop_of("tls = \"implicit\"\n").requires_tls());
  const SendConnector chain = hop_of("tls_auth_level = \"certificatevalidation\"\n");
  EXPECT_TRUE(chain.requires_tls() && chain.verifies());
  const SendConnector name = hop_of(
      "tls_auth_level = \"DomainValidation\"\ntls_domain = \"mx.contoso.com\"\n"
      "tls_ca_file = \"ca.pem\"\n");
  EXPECT_TRUE(name.requires_tls() && name.verifies());
  EXPECT_EQ(name.tls_domain, "mx.contoso.com");
  EXPECT_TRUE(name.tls_ca_file.starts_with('/') && name.tls_ca_file.ends_with("/ca.pem"));
  EXPECT_FALSE(hop_of("tls_auth_level = \"EncryptionOnly\"\n").requires_tls());
  const SendConnector logon =
      hop_of("smart_host_auth_mechanism = \"BasicAuthRequireTLS\"\n" + kLogon);
  EXPECT_TRUE(logon.requires_tls());
  EXPECT_EQ(logon.auth_user, "relay");
  EXPECT_TRUE(logon.auth_password_file.ends_with("/password"));
}

TEST(HopSecurity, ContradictionsAndKeysWithoutEffect) {
  struct Case {
    std::string keys;
    Texts findings;
  };
  const std::string beside = ". Keep one of the two.";
  const Case cases[] = {
      {"ignore_starttls = true\nrequire_tls = true\n",
       {"ignore_starttls: stands beside require_tls = true" + beside}},
      {"ignore_starttls = true\ntls = \"implicit\"\n",
       {"ignore_starttls: stands beside tls = \"implicit\"" + beside}},
      {"ignore_starttls = true\ntls_auth_level = \"CertificateValidation\"\n",
       {"ignore_starttls: stands beside tls_auth_level = \"CertificateValidation\"" + beside}},
      {"ignore_starttls = true\nsmart_host_auth_mechanism = \"BasicAuthRequireTLS\"\n" + kLogon,
       {"ignore_starttls: stands beside smart_host_auth_mechanism = \"BasicAuthRequireTLS\"" +
        beside}},
      {"tls_auth_level = \"DomainValidation\"\n",
       {"tls_auth_level: DomainValidation without a name to look for. Write tls_domain = "
        "\"mx.contoso.com\", the name in the certificate of the next hops: smart_hosts has only "
        "their addresses."}},
      {"tls_auth_level = \"DomainValidation\"\ntls_domain = \"\"\n",
       {"tls_domain: '': empty. Write a host name, such as \"mx.contoso.com\"."}},
      {"tls_auth_level = \"Paranoid\"\ntls_domain = \"mx.contoso.com\"\ntls_ca_file = \"c\"\n",
       {"tls_auth_level: 'Paranoid' is not known. Write \"EncryptionOnly\", "
        "\"CertificateValidation\" or \"DomainValidation\"."}},
      {"tls_domain = \"mx.contoso.com\"\n",
       {"warning: tls_domain: no certificate is held against this name. Write tls_auth_level = "
        "\"DomainValidation\"."}},
      {"tls_auth_level = \"CertificateValidation\"\ntls_domain = \"mx.contoso.com\"\n",
       {"warning: tls_domain: no certificate is held against this name. Write tls_auth_level = "
        "\"DomainValidation\"."}},
      {"tls_ca_file = \"ca.pem\"\n",
       {"warning: tls_ca_file: no certificate is held against these authorities. Write "
        "tls_auth_level = \"DomainValidation\" or \"CertificateValidation\"."}},
      {"smart_host_auth_mechanism = \"BasicAuthRequireTLS\"\n",
       {"smart_host_auth_mechanism: BasicAuthRequireTLS without auth_user. Write auth_user = "
        "\"...\".",
        "smart_host_auth_mechanism: BasicAuthRequireTLS without auth_password_file. Write "
        "auth_password_file = \"...\"."}},
      {"smart_host_auth_mechanism = \"ExchangeServer\"\n",
       {"smart_host_auth_mechanism: 'ExchangeServer': there is no Exchange organization to log on "
        "with. Write \"None\", \"BasicAuth\" or \"BasicAuthRequireTLS\"."}},
      {kLogon,
       {"warning: auth_user: nobody logs on. Write smart_host_auth_mechanism = "
        "\"BasicAuthRequireTLS\"."}},
      {"smart_host_auth_mechanism = \"BasicAuth\"\n" + kLogon,
       {"warning: smart_host_auth_mechanism: the password goes over the network in the clear "
        "wherever there is no TLS. Write \"BasicAuthRequireTLS\"."}},
      {"smart_host_auth_mechanism = \"BasicAuth\"\nignore_starttls = true\n" + kLogon,
       {"warning: smart_host_auth_mechanism: the password goes over the network in the clear. "
        "Write \"BasicAuthRequireTLS\"."}},
      {"smart_host_auth_mechanism = \"BasicAuth\"\nrequire_tls = true\n" + kLogon, {}},
      {"smart_host_auth_mechanism = \"BasicAuthRequireTLS\"\nauth_user = \"a\\u0000b\"\n"
       "auth_password_file = \"x\"\n",
       {"auth_user: a name may not hold control characters. Write a name of 1 to 255 octets."}},
      {"smart_host_auth_mechanism = \"BasicAuthRequireTLS\"\nauth_user = \"" +
           std::string(256, 'u') + "\"\nauth_password_file = \"x\"\n",
       {"auth_user: a name of 256 octets. Write a name of 1 to 255 octets."}},
      {"require_tls = 1\n", {"require_tls: found a whole number (1). Write true or false."}},
  };
  for (const Case& c : cases) EXPECT_EQ(hop_findings(c.keys), c.findings) << c.keys;
}

TEST(HopSecurity, APasswordToLoopbackIsNotOnTheNetwork) {
  Folder folder;
  folder.write("relais.toml",
               "[[send_connector]]\nname = \"Out\"\naddress_spaces = [\"*\"]\n"
               "smart_hosts = [\"127.0.0.1:26\"]\nsmart_host_auth_mechanism = \"BasicAuth\"\n" +
                   kLogon);
  folder.write("connectors/a.toml", kGoodConnector);
  EXPECT_EQ(folder.findings(), Texts{});
}

TEST(HopSecurity, AMaildirNeedsNone) {
  Folder folder;
  folder.write("relais.toml",
               "[[send_connector]]\nname = \"Out\"\naddress_spaces = [\"*\"]\nmaildir = \"m\"\n"
               "require_tls = true\nauth_user = \"x\"\n");
  folder.write("connectors/a.toml", kGoodConnector);
  const std::string no_effect =
      ": has no effect beside maildir: nothing goes over the network. Take it away.";
  EXPECT_EQ(folder.findings(),
            (Texts{"DIR/relais.toml:5: warning: send_connector[0].require_tls" + no_effect,
                   "DIR/relais.toml:6: warning: send_connector[0].auth_user" + no_effect}));
}

TEST(PasswordFile, IsItsFirstLine) {
  Folder folder;
  const std::string path = folder.path() + "/password";
  const auto password = [&](std::string_view text, mode_t mode = 0600) {
    folder.remove("password").write("password", text);
    chmod(path.c_str(), mode);
    const auto read = read_password(path);
    return read ? *read : "trouble: it " + read.error().what;
  };
  EXPECT_EQ(password("secret"), "secret");
  EXPECT_EQ(password("secret\n"), "secret");
  EXPECT_EQ(password("secret\r\nmore\n"), "secret");
  EXPECT_EQ(password(" se cret \n", 0400), " se cret ") << "blanks belong to it";
  EXPECT_EQ(password("\xc3\xa4\n"), "\xc3\xa4");
  EXPECT_EQ(password(std::string(255, 'x') + "\r\n"), std::string(255, 'x'));
  EXPECT_EQ(password(std::string(256, 'x')),
            "trouble: it has a first line that is no password of at most 255 octets");
  EXPECT_EQ(password("\nsecret\n"), "trouble: it has no password in its first line");
  EXPECT_EQ(password("secret\n", 0640), "trouble: it is open to others than its owner (mode 640)");
  EXPECT_EQ(password("secret\n", 0602), "trouble: it is open to others than its owner (mode 602)");
  EXPECT_EQ(read_password(folder.path()).error().what, "cannot be read: it is no file");
}

}  // namespace
}  // namespace relais::config
