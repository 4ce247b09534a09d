// Mistakes that no single file holds: missing files, syntax, files against each other, the open
// relay guard.
#include <gtest/gtest.h>

#include "folder.h"

namespace relais::config {
namespace {

std::string connector(const std::string& name, const std::string& binding, const std::string& range,
                      const std::string& more = {}) {
  return "name = \"" + name + "\"\nbindings = [\"" + binding + "\"]\nremote_ip_ranges = [\"" +
         range + "\"]\npermission_groups = [\"AnonymousUsers\"]\n" + more;
}

constexpr const char* kMayRelay =
    "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
    "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n";

TEST(Check, AMissingMainFile) {
  Folder folder;
  folder.write("connectors/in.toml", kGoodConnector);
  EXPECT_EQ(folder.findings(),
            Texts{"DIR/relais.toml: cannot be read: No such file or directory. The file must exist "
                  "and be readable."});
}

TEST(Check, NoConnectorFile) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  EXPECT_EQ(folder.findings(),
            Texts{"DIR/connectors: no *.toml in this folder: nothing would listen. Put one file a "
                  "Receive connector into it, such as default.toml."});
  folder.remove("connectors");
  EXPECT_EQ(folder.findings(),
            Texts{"DIR/connectors: cannot be read: No such file or directory. Make the folder and "
                  "put one file a Receive connector into it."});
}

TEST(Check, AFolderInPlaceOfAFile) {
  const Loaded loaded = load(RELAIS_SOURCE_DIR "/conf/quickstart/connectors/default.toml");
  EXPECT_FALSE(loaded.ok);
  Folder folder;
  folder.write("connectors/in.toml", kGoodConnector);
  const Folder inner;
  EXPECT_FALSE(load("").ok);
  EXPECT_FALSE(load(inner.path()).ok);
}

TEST(Check, ATrailingSlashDoesNotShow) {
  const Folder folder;
  const Loaded loaded = load(folder.path() + '/');
  ASSERT_FALSE(loaded.findings.empty());
  EXPECT_EQ(loaded.findings[0].file, folder.path() + "/relais.toml");
}

TEST(Check, SyntaxErrorsNameTheLine) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/in.toml", "name = \"In\"\nbindings = [\n\"0.0.0.0:25\"\nname2 = 5\n");
  const auto findings = folder.findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_TRUE(findings[0].starts_with("DIR/connectors/in.toml:4: ")) << findings[0];
}

TEST(Check, HostileFilesAreMistakesAndNothingElse) {
  using std::string_view_literals::operator""sv;
  const std::string deep(5000, '[');
  for (const std::string_view text :
       {"\0\0\0"sv, "\xff\xfe\xfd"sv, "= ="sv, "a.b.c"sv, "name = \"x"sv, "[[[[["sv,
        "name = 1\nname = 2"sv, "x = 99999999999999999999"sv}) {
    Folder folder;
    folder.write("relais.toml", kGoodMain).write("connectors/in.toml", text);
    EXPECT_FALSE(folder.load().ok) << text;
  }
  Folder folder;
  folder.write("relais.toml", kGoodMain).write("connectors/in.toml", "x = " + deep);
  EXPECT_FALSE(folder.load().ok);
}

TEST(Check, TwoConnectorsOfOneName) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml", connector("In", "0.0.0.0:25", "10.0.0.1"));
  folder.write("connectors/b.toml", connector("IN", "0.0.0.0:25", "10.0.0.2"));
  EXPECT_EQ(folder.findings(), Texts{"DIR/connectors/b.toml:1: name: 'IN' is taken "
                                     "(DIR/connectors/a.toml:1). Choose another name."});
}

TEST(Check, TheSameRangeOnOneBindingNamesBothSides) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml", connector("A", "0.0.0.0:25", "10.0.0.0/24"));
  folder.write("connectors/b.toml", connector("B", "0.0.0.0:25", "10.0.0.0-10.0.0.255"));
  EXPECT_EQ(
      folder.findings(),
      Texts{"DIR/connectors/b.toml:3: remote_ip_ranges[0]: '10.0.0.0/24' of 'B' is also a "
            "range of 'A' (DIR/connectors/a.toml:3), on binding 0.0.0.0:25. Keep the range in "
            "one of the two connectors, or give them different bindings."});
}

TEST(Check, APartialOverlapNamesBothSides) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml", connector("A", "0.0.0.0:25", "10.0.0.5-10.0.0.20"));
  folder.write("connectors/b.toml", connector("B", "0.0.0.0:25", "10.0.0.0-10.0.0.9"));
  EXPECT_EQ(
      folder.findings(),
      Texts{"DIR/connectors/b.toml:3: remote_ip_ranges[0]: '10.0.0.0-10.0.0.9' of 'B' overlaps "
            "'10.0.0.5-10.0.0.20' of 'A' (DIR/connectors/a.toml:3) only in part, on binding "
            "0.0.0.0:25. Let one range lie wholly inside the other, or keep them apart."});
}

TEST(Check, NestedRangesAreFineAndTheSameOneBesideTheWildcardIsToldOnce) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml", connector("A", "0.0.0.0:25", "10.0.0.0/8"));
  folder.write("connectors/b.toml", connector("B", "0.0.0.0:25", "10.0.0.0/9"));
  EXPECT_EQ(folder.findings(), Texts{});
  folder.write("connectors/c.toml", connector("C", "10.0.0.1:25", "10.0.0.0/8"));
  EXPECT_EQ(folder.findings(),
            Texts{"DIR/connectors/c.toml:3: warning: remote_ip_ranges[0]: '10.0.0.0/8' of 'C' on "
                  "10.0.0.1:25 is also a range of 'A' (DIR/connectors/a.toml:3) on 0.0.0.0:25; on "
                  "10.0.0.1:25 'C' serves it. Leave it if that is meant, or keep the range in one "
                  "of the two."});
  folder.write("connectors/c.toml", connector("C", "10.0.0.1:587", "10.0.0.0/8"));
  EXPECT_EQ(folder.findings(), Texts{});
}

TEST(Check, ADisabledConnectorConflictsWithNobody) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/a.toml", connector("A", "0.0.0.0:25", "10.0.0.0/8"));
  folder.write("connectors/b.toml",
               connector("B", "0.0.0.0:25", "10.0.0.0/8", "enabled = false\n"));
  EXPECT_EQ(folder.findings(), Texts{});
  folder.remove("connectors/a.toml");
  EXPECT_EQ(
      folder.findings(),
      Texts{"DIR/connectors: warning: every connector is disabled: nothing would listen. Write "
            "enabled = true in one of them."});
}

TEST(Check, ANarrowRelayIsFineAndAWideOneIsAnOpenRelay) {
  const auto findings_for = [](const std::string& binding, const std::string& range,
                               const std::string& more) {
    Folder folder;
    folder.write("relais.toml", kGoodMain);
    folder.write("connectors/relay.toml", connector("Relay", binding, range, more));
    return folder.findings();
  };
  const auto open_relay = [](const std::string& range, const std::string& prefix) {
    return Texts{"DIR/connectors/relay.toml:3: remote_ip_ranges[0]: '" + range +
                 "': an open relay: anonymous clients in a range wider than " + prefix +
                 " may send to any recipient. Name the hosts that must relay, take "
                 "ms-Exch-SMTP-Accept-Any-Recipient away, or write i_know_this_is_an_open_relay = "
                 "true."};
  };
  const std::string v4 = "0.0.0.0:25";
  const std::string v6 = "[::]:25";
  const auto many = [](const std::string& count) {
    return Texts{"DIR/connectors/relay.toml:3: warning: remote_ip_ranges: anonymous clients at " +
                 count +
                 " addresses may send to any recipient. Name the hosts that must relay, or write "
                 "i_know_this_is_an_open_relay = true."};
  };
  EXPECT_EQ(findings_for(v4, "10.1.2.0/24", kMayRelay), Texts{});
  EXPECT_EQ(findings_for(v4, "10.1.2.0-10.1.3.0", kMayRelay), many("257"));
  EXPECT_EQ(findings_for(v4, "10.1.0.0/16", kMayRelay), many("65536"));
  EXPECT_EQ(findings_for(v4, "10.0.0.0/15", kMayRelay), open_relay("10.0.0.0/15", "/16"));
  EXPECT_EQ(findings_for(v4, "10.0.0.0-10.1.0.0", kMayRelay),
            open_relay("10.0.0.0-10.1.0.0", "/16"));
  EXPECT_EQ(findings_for(v4, "0.0.0.0-255.255.255.255", kMayRelay), open_relay("0.0.0.0/0", "/16"));
  EXPECT_EQ(findings_for(v6, "2001:db8::/64", kMayRelay), Texts{});
  EXPECT_EQ(findings_for(v6, "2001:db8::/48", kMayRelay), many("2^80"));
  EXPECT_EQ(findings_for(v6, "2001:db8::/47", kMayRelay), open_relay("2001:db8::/47", "/48"));
  EXPECT_EQ(findings_for(v4, "0.0.0.0/0", ""), Texts{});
  EXPECT_EQ(findings_for(v4, "0.0.0.0/0",
                         std::string("i_know_this_is_an_open_relay = true\n") + kMayRelay),
            Texts{});
  // A denial beats the grant, so this one does not relay.
  EXPECT_EQ(findings_for(v4, "0.0.0.0/0", std::string(kMayRelay) + kMayRelay + "deny = true\n"),
            Texts{});
}

TEST(Check, WithoutSendConnectorMailWouldStay) {
  Folder folder;
  folder.write("relais.toml", "").write("connectors/in.toml", kGoodConnector);
  EXPECT_EQ(
      folder.findings(),
      Texts{"DIR/relais.toml: warning: no [[send_connector]]: mail would be accepted and stay "
            "in the queue. Add one with address_spaces = [\"*\"]."});
}

TEST(Check, EverythingIsToldAtOnceInTheOrderOfTheFiles) {
  Folder folder;
  folder.write("relais.toml", "[server]\nfqdn = 7\ncorse = 2\n" + std::string(kGoodMain));
  folder.write("connectors/b.toml",
               "name = 1\n" + connector("B", "0.0.0.0:25", "10.0.0.0/33").substr(11));
  folder.write("connectors/a.toml", "x = [");
  std::vector<std::string> places;
  for (const Finding& finding : folder.load().findings) {
    places.push_back(finding.file.substr(folder.path().size() + 1) + ':' +
                     std::to_string(finding.line) + ' ' + finding.key);
  }
  EXPECT_EQ(places, (Texts{"relais.toml:2 server.fqdn", "relais.toml:3 server.corse",
                           "connectors/a.toml:1 ", "connectors/b.toml:1 name",
                           "connectors/b.toml:3 remote_ip_ranges[0]"}));
}

TEST(Check, FindingsAsText) {
  Finding finding{Finding::Severity::kError, Rule::kNotAllowed, "conf/x.toml", 7, "a[2]",
                  "'z': is wrong",           "Write y"};
  EXPECT_EQ(to_string(finding), "conf/x.toml:7: a[2]: 'z': is wrong. Write y. [R007]");
  finding.line = 0;
  finding.key.clear();
  finding.cure.clear();
  finding.severity = Finding::Severity::kWarning;
  EXPECT_EQ(to_string(finding), "conf/x.toml: warning: 'z': is wrong. [R007]");
}

}  // namespace
}  // namespace relais::config
