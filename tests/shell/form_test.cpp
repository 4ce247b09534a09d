// Files that are valid TOML in a form that the shell does not write: a change is made as it was
// meant, or refused with what to rewrite, and nothing is changed or logged then.
#include <gtest/gtest.h>

#include "config/load.h"
#include "folder.h"

namespace relais::shell {
namespace {

constexpr std::string_view kKeys =
    "name = \"Relay\"\n"
    "bindings = [\"0.0.0.0:25\"]\n"
    "remote_ip_ranges = [\"192.168.5.10\"]\n"
    "permission_groups = [\"AnonymousUsers\"]\n";

constexpr std::string_view kServer =
    "[server]\n"
    "fqdn = \"relay.contoso.com\"\n"
    "data_dir = \"data\"\n";

std::string with(std::string_view keys, std::string_view more) {
  std::string text(keys);
  return text += more;
}

std::string relay_with(std::string_view line) { return with(kKeys, line); }
std::string main_with(std::string_view line) { return with(line, kServer); }

struct BadForm {
  std::string_view line;
  std::string_view said;
};

void expect_refused(TestFolder& folder, const BadForm& c) {
  ASSERT_TRUE(config::load(folder.path()).ok) << c.line;
  const auto before = folder.tree();
  EXPECT_EQ(folder.run(c.line), c.said);
  EXPECT_TRUE(folder.failed) << c.line;
  EXPECT_EQ(folder.tree(), before) << c.line;
  EXPECT_EQ(folder.read("audit.log"), "") << c.line;
}

TEST(Form, PermissionsInOneList) {
  TestFolder folder;
  folder.write("connectors/relay.toml",
               relay_with("permission = [{user = \"S-1-5-7\", extended_rights = "
                          "[\"ms-Exch-SMTP-Accept-Any-Recipient\"]}]\n"));
  const BadForm cases[] = {
      {"Remove-ADPermission Relay -User S-1-5-7 -ExtendedRights ms-Exch-SMTP-Accept-Any-Recipient",
       "Remove-ADPermission : DIR/connectors/relay.toml:5: permission is written as one list; "
       "write its entries as [[permission]] tables first\n"},
      {"Add-ADPermission Relay -User S-1-5-7 -ExtendedRights ms-Exch-Bypass-Anti-Spam",
       "Add-ADPermission : DIR/connectors/relay.toml:5: permission is written as one list; write "
       "its entries as [[permission]] tables first\n"},
      {"Add-ADPermission Relay -User S-1-5-7 -ExtendedRights ms-Exch-Bypass-Anti-Spam -Deny",
       "Add-ADPermission : DIR/connectors/relay.toml:5: permission is written as one list; write "
       "its entries as [[permission]] tables first\n"},
  };
  for (const BadForm& c : cases) expect_refused(folder, c);
}

TEST(Form, DomainsInOneList) {
  TestFolder folder;
  folder.write("connectors/relay.toml", kKeys);
  folder.write("relais.toml", main_with("send_connector = [{name = \"Out\", address_spaces = "
                                        "[\"*\"], smart_hosts = [\"192.0.2.1\"]}]\n"
                                        "accepted_domain = [{name = \"contoso.com\"}]\n"));
  const std::string domains =
      "DIR/relais.toml:2: accepted_domain is written as one list; write its entries as "
      "[[accepted_domain]] tables first\n";
  const std::string connectors =
      "DIR/relais.toml:1: send_connector is written as one list; write its entries as "
      "[[send_connector]] tables first\n";
  const BadForm cases[] = {
      {"Remove-AcceptedDomain contoso.com", domains},
      {"Set-AcceptedDomain contoso.com -DomainType InternalRelay", domains},
      {"New-AcceptedDomain fabrikam.com", domains},
      {"Remove-SendConnector Out", connectors},
      {"Set-SendConnector Out -SmartHosts 192.0.2.2", connectors},
      {"New-SendConnector B -AddressSpaces contoso.com -SmartHosts 192.0.2.2", connectors},
  };
  for (const BadForm& c : cases) {
    std::string said(c.line.substr(0, c.line.find(' ')));
    said += " : ";
    said += c.said;
    expect_refused(folder, {c.line, said});
  }
  EXPECT_EQ(folder.run("Set-AcceptedDomain contoso.com -DomainType Authoritative -WhatIf"),
            "Set-AcceptedDomain : " + domains);
}

TEST(Form, AKeyThatIsWrittenWithAnEscape) {
  TestFolder folder;
  folder.write("connectors/relay.toml", relay_with("\"max\\u005fhop_count\" = 30\n"));
  for (const std::string_view line :
       {"Set-ReceiveConnector Relay -MaxHop $null", "Set-ReceiveConnector Relay -MaxHop 40"}) {
    expect_refused(folder, {line,
                            "Set-ReceiveConnector : DIR/connectors/relay.toml:5: max_hop_count is "
                            "not written in the form max_hop_count = ...; write it so first\n"});
  }
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -MaxHop 30"),
            "WARNING: nothing has changed: Receive connector 'Relay' was like that\n");
}

TEST(Form, AByteOrderMarkStaysInFront) {
  TestFolder folder;
  const std::string mark = "\xEF\xBB\xBF";
  folder.write(
      "connectors/relay.toml",
      with(mark,
           relay_with("max_hop_count = 9\n").replace(0, 14, "comment = \"a\"\nname = \"Relay\"")));
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -Comment b"), "");
  EXPECT_TRUE(folder.read("connectors/relay.toml")
                  .starts_with(with(mark, "comment = \"b\"\nname = \"Relay\"\n")));
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -Comment $null"), "");
  EXPECT_EQ(folder.read("connectors/relay.toml"), with(mark, relay_with("max_hop_count = 9\n")));
}

TEST(Form, WhatTheFileSaysCountsAndNotHowItIsWritten) {
  TestFolder folder;
  const std::string file = relay_with("max_hop_count = 0x1E\n");
  folder.write("connectors/relay.toml", file);
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -MaxHop 30"),
            "WARNING: nothing has changed: Receive connector 'Relay' was like that\n");
  EXPECT_EQ(folder.read("connectors/relay.toml"), file);
  EXPECT_EQ(folder.read("audit.log"), "");
}

}  // namespace
}  // namespace relais::shell
