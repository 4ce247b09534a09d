// What is wrong with files, each as one sentence with a cure.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "pair.h"

namespace relais::tls::test {
namespace {

class Loading : public testing::Test {
 protected:
  // Loads and gives the findings, each as a line, with DIR for the folder.
  std::string findings(const std::vector<CertificateFiles>& certificates, WallTime when = now()) {
    ServerSettings settings;
    settings.certificates = certificates;
    const auto loaded = ServerContext::load(settings, make_keys(), when);
    usable_ = loaded.context != nullptr;
    std::string text;
    for (const Finding& finding : loaded.findings) {
      text += finding.severity == Finding::Severity::kWarning ? "warning: " : "";
      text += to_string(finding) + '\n';
    }
    return files_.masked(text);
  }
  std::string findings(const std::string& certificate, const std::string& key) {
    return findings({{certificate, key}});
  }

  Files files_;
  bool usable_ = false;
  const Issued& good_ = issued_for("DNS:relay.contoso.com");
  const std::string certificate_ = files_.write("good.pem", good_.pem, 0644);
  const std::string key_ = files_.write("good.key", good_.key_pem);
};

TEST_F(Loading, OfGoodFilesFindsNothing) {
  EXPECT_EQ(findings(certificate_, key_), "");
  EXPECT_TRUE(usable_);
  const std::string chain = files_.write("chain.pem", good_.pem + authority().pem);
  EXPECT_EQ(findings(chain, key_), "");
  const std::string all = files_.write("all.pem", good_.key_pem + good_.pem + authority().pem);
  EXPECT_EQ(findings(all, ""), "");
  EXPECT_TRUE(usable_);
  EXPECT_EQ(findings(certificate_, files_.write("group.key", good_.key_pem, 0640)), "");
}

TEST_F(Loading, OfFilesThatCannotBeRead) {
  EXPECT_EQ(findings(files_.path("no.pem"), files_.path("no.key")),
            "DIR/no.pem: cannot be read: no such file or directory. Write the path of a file that "
            "relais may read\n"
            "DIR/no.key: cannot be read: no such file or directory. Write the path of a file that "
            "relais may read\n");
  EXPECT_FALSE(usable_);
  std::filesystem::create_directory(files_.path("folder"));
  EXPECT_EQ(findings(files_.path("folder"), key_),
            "DIR/folder: cannot be read: not a regular file. Write the path of a file that relais "
            "may read\n");
  if (geteuid() != 0) {
    EXPECT_EQ(findings(certificate_, files_.write("closed.key", good_.key_pem, 0)),
              "DIR/closed.key: cannot be read: permission denied. Write the path of a file that "
              "relais may read\n");
  }
  EXPECT_EQ(findings(files_.write("huge.pem", std::string((4 << 20) + 1, 'x')), key_),
            "DIR/huge.pem: cannot be read: larger than 4 MiB. Write the path of a file that relais "
            "may read\n");
}

TEST_F(Loading, OfFilesThatAreNotPem) {
  EXPECT_EQ(findings(files_.write("x.pem", ""), key_),
            "DIR/x.pem: is empty. Put the certificate there, in PEM\n");
  EXPECT_EQ(findings(files_.write("x.pem", "hello\n"), key_),
            "DIR/x.pem: is not PEM: there is no BEGIN line of a certificate. Write the path of a "
            "PEM file, the kind that begins with -----BEGIN, with the certificate\n");
  EXPECT_EQ(findings(files_.write("x.der", der_of(good_)), key_),
            "DIR/x.der: is DER, not PEM. Convert it: openssl x509 -inform der -in DIR/x.der -out "
            "DIR/x.der.pem\n");
  EXPECT_EQ(findings(key_, key_),
            "DIR/good.key: has a private key in it, but no certificate. Write the path of the file "
            "with the certificate\n");
  EXPECT_EQ(findings(certificate_, certificate_),
            "DIR/good.pem: has a certificate in it, but no private key. Write the path of the file "
            "with the private key\n");
  EXPECT_EQ(findings(certificate_, ""),
            "DIR/good.pem: has a certificate in it, but no private key. Write the path of the file "
            "with the private key\n");
}

TEST_F(Loading, OfDamagedFiles) {
  std::string damaged = good_.pem;
  damaged.replace(100, 4, "!!!!");
  EXPECT_EQ(findings(files_.write("x.pem", good_.pem + damaged), key_),
            "DIR/x.pem: certificate 2 of the file is damaged (bad base64 decode). Get the file "
            "again from where the certificate was issued\n");
  EXPECT_FALSE(usable_);
  EXPECT_EQ(findings(files_.write("x.pem", good_.pem.substr(0, 300)), key_),
            "DIR/x.pem: certificate 1 of the file is damaged (bad end line). Get the file again "
            "from where the certificate was issued\n");
  std::string bad_key = good_.key_pem;
  bad_key.replace(60, 4, "!!!!");
  const std::string text = findings(certificate_, files_.write("x.key", bad_key));
  EXPECT_TRUE(text.starts_with("DIR/x.key: the key is damaged (")) << text;
  EXPECT_TRUE(
      text.ends_with("). Restore the file, or make a new key and have its certificate "
                     "issued\n"))
      << text;
}

TEST_F(Loading, OfAKeyUnderAPassword) {
  EXPECT_EQ(findings(certificate_, files_.write("x.key", encrypted_key(good_, "secret"))),
            "DIR/x.key: the key is encrypted, and nobody is there to type. Take the password off: "
            "openssl pkey -in DIR/x.key -out NEW, and keep NEW at mode 0600\n");
  EXPECT_FALSE(usable_);
}

TEST_F(Loading, OfAKeyThatIsAnotherCertificates) {
  const Issued& other = issued_for("DNS:other.contoso.com");
  EXPECT_EQ(findings(certificate_, files_.write("other.key", other.key_pem)),
            "DIR/other.key: the key does not match the certificate in DIR/good.pem. Write the path "
            "of the key for which the certificate was issued\n");
  EXPECT_FALSE(usable_);
  const std::string upside_down = files_.write("chain.pem", authority().pem + good_.pem);
  EXPECT_EQ(findings(upside_down, key_),
            "DIR/good.key: the key does not match the certificate in DIR/chain.pem. It is the key "
            "of certificate 2 of the file: put that one first\n");
}

TEST_F(Loading, OfAKeyThatEverybodyCanReadIsAnErrorAndYetUsable) {
  EXPECT_EQ(findings(certificate_, files_.write("open.key", good_.key_pem, 0644)),
            "DIR/open.key: the key is open to every user of this machine (mode 0644), and who has "
            "it can pass for this server. Run: chmod 0640 DIR/open.key, with the group that relais "
            "runs in, or 0600 with its user\n");
  EXPECT_TRUE(usable_);
  EXPECT_EQ(findings(certificate_, files_.write("open.key", good_.key_pem, 0602)),
            "DIR/open.key: every user of this machine can change the key (mode 0602), and so put "
            "another one in its place. Run: chmod 0640 DIR/open.key, with the group that relais "
            "runs in, or 0600 with its user\n");
  const std::string both = files_.write("both.pem", good_.pem + good_.key_pem, 0664);
  EXPECT_EQ(findings(both, ""),
            "DIR/both.pem: the key is open to every user of this machine (mode 0664), and who has "
            "it can pass for this server. Run: chmod 0640 DIR/both.pem, with the group that relais "
            "runs in, or 0600 with its user\n");
}

TEST_F(Loading, OfCertificatesBeforeAndAfterTheirTime) {
  const auto at = [&](int64_t days) {
    return findings({{certificate_, key_}}, now() + hours(24 * days + 1));
  };
  const std::string end = iso8601(now() + hours(24 * 365)).substr(0, 10);
  EXPECT_EQ(at(350), "");
  EXPECT_EQ(at(352), "warning: DIR/good.pem: the certificate expires in 12 days, on " + end +
                         ". Renew it\n");
  EXPECT_TRUE(usable_);
  EXPECT_EQ(findings({{certificate_, key_}}, now() + hours(24 * 365 - 2)),
            "warning: DIR/good.pem: the certificate expires in less than a day, on " + end +
                ". Renew it\n");
  EXPECT_EQ(at(366), "DIR/good.pem: the certificate expired on " + end + ". Renew it\n");
  EXPECT_TRUE(usable_) << "a running server may prefer it to none";
  const std::string text = at(-30);
  EXPECT_TRUE(text.starts_with("DIR/good.pem: the certificate is valid only from 20")) << text;
  EXPECT_TRUE(text.ends_with(". Check the clock of this machine, or wait\n")) << text;
}

TEST_F(Loading, OfAnIntermediateThatHasExpired) {
  const Issued intermediate =
      issue({.common_name = "Intermediate", .begins_days = -9, .ends_days = -2, .authority = true},
            &authority());
  const Issued leaf = issue({.names = {"DNS:relay.contoso.com"}}, &intermediate);
  const std::string chain = files_.write("chain.pem", leaf.pem + intermediate.pem);
  const std::string day = iso8601(now() + hours(-48)).substr(0, 10);
  EXPECT_EQ(findings(chain, files_.write("leaf.key", leaf.key_pem)),
            "DIR/chain.pem: certificate 2 of the file expired on " + day + ". Renew it\n");
}

TEST_F(Loading, OfAChainThatDoesNotHoldTogether) {
  const Issued other = issue({.common_name = "Other Authority", .authority = true});
  const std::string chain = files_.write("chain.pem", good_.pem + other.pem);
  EXPECT_EQ(findings(chain, key_),
            "warning: DIR/chain.pem: certificate 2 of the file (CN=Other Authority) did not sign "
            "the one before it. Put the server's own certificate first, then the one that signed "
            "it, and so on\n");
  EXPECT_TRUE(usable_);
}

TEST_F(Loading, OfAWeakKey) {
  const Issued weak = issue({.names = {"DNS:relay.contoso.com"}, .key = KeyType::kRsa1024});
  EXPECT_EQ(findings(files_.write("weak.pem", weak.pem), files_.write("weak.key", weak.key_pem)),
            "DIR/weak.pem: the key is too short: RSA of 1024 bits. Have a certificate issued for "
            "P-256, or for RSA of 2048 bits\n");
  EXPECT_FALSE(usable_);
}

TEST_F(Loading, OfACurveThatNoClientAsksFor) {
  const Issued odd = issue({.names = {"DNS:relay.contoso.com"}, .key = KeyType::kP224});
  EXPECT_EQ(
      findings(files_.write("odd.pem", odd.pem), files_.write("odd.key", odd.key_pem)),
      "DIR/odd.pem: the key is on the curve secp224r1, with which no TLS session can begin. Have "
      "a certificate issued for P-256, or for RSA of 2048 bits\n");
}

TEST_F(Loading, OfACertificateThatNobodyIsEverShown) {
  const Issued twin = issue({.names = {"DNS:relay.contoso.com"}}, &authority());
  const std::string twin_file = files_.write("twin.pem", twin.pem + twin.key_pem);
  EXPECT_EQ(findings({{certificate_, key_}, {twin_file, ""}}),
            "warning: DIR/twin.pem: all names of the certificate are in earlier ones, so no client "
            "is ever shown it. Take it away, or put it first\n");
  const Issued nameless = issue({.common_name = "Not A Host"}, &authority());
  const std::string nameless_file = files_.write("nameless.pem", nameless.pem + nameless.key_pem);
  EXPECT_EQ(findings({{nameless_file, ""}}), "") << "as the default it has its use";
  EXPECT_EQ(findings({{certificate_, key_}, {nameless_file, ""}}),
            "warning: DIR/nameless.pem: the certificate has no DNS name, so no client is ever "
            "shown it. Take it away, or put it first\n");
  EXPECT_TRUE(usable_);
}

TEST_F(Loading, TellsOfAllFilesAtOnce) {
  const std::string text = findings({{files_.path("a.pem"), files_.path("a.key")},
                                     {files_.write("b.pem", "x"), key_},
                                     {certificate_, key_}});
  EXPECT_EQ(std::ranges::count(text, '\n'), 3);
  EXPECT_FALSE(usable_);
}

}  // namespace
}  // namespace relais::tls::test
