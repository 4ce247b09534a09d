// A bad value is refused by the cmdlet and by the file with one sentence, and nothing changes on
// disk.
#include <gtest/gtest.h>

#include "config/load.h"
#include "folder.h"

namespace relais::shell {
namespace {

struct BadInput {
  std::string_view argument;  // of Set-ReceiveConnector Relay
  std::string_view line;      // of its file
  std::string_view sentence;
};

const BadInput kCases[] = {
    {"-RemoteIPRanges 10.0.0.0/33", "remote_ip_ranges = [\"10.0.0.0/33\"]",
     "remote_ip_ranges[0]: '10.0.0.0/33': a prefix of IPv4 has at most 32 bits."},
    {"-RemoteIPRanges 192.168.5.10,5-3", "remote_ip_ranges = [\"192.168.5.10\", \"5-3\"]",
     "remote_ip_ranges[1]: '5-3': not an IP address."},
    {"-RemoteIPRanges 10.0.0.5-10.0.0.3", "remote_ip_ranges = [\"10.0.0.5-10.0.0.3\"]",
     "remote_ip_ranges[0]: '10.0.0.5-10.0.0.3': "},
    {"-RemoteIPRanges fe80::/200", "remote_ip_ranges = [\"fe80::/200\"]",
     "remote_ip_ranges[0]: 'fe80::/200': a prefix of IPv6 has at most 128 bits."},
    {"-RemoteIPRanges @()", "remote_ip_ranges = []", "remote_ip_ranges: an empty list."},
    {"-RemoteIPRanges ''", "remote_ip_ranges = [\"\"]", "remote_ip_ranges[0]: '': "},
    {"-RemoteIPRanges $null", "", "remote_ip_ranges: is missing."},
    {"-RemoteIPRanges 10.0.0.1,10.0.0.1", "remote_ip_ranges = [\"10.0.0.1\", \"10.0.0.1\"]",
     "remote_ip_ranges[1]: '10.0.0.1' is listed twice."},
    {"-RemoteIPRanges @{Add='192.168.5.10'}",
     "remote_ip_ranges = [\"192.168.5.10\", \"192.168.5.10\"]",
     "remote_ip_ranges[1]: '192.168.5.10' is listed twice."},
    {"-Bindings :25", "bindings = [\":25\"]", "bindings[0]: ':25': the address is missing."},
    {"-Bindings 0.0.0.0:0", "bindings = [\"0.0.0.0:0\"]",
     "bindings[0]: '0.0.0.0:0': the port is no number from 1 to 65535."},
    {"-Bindings ::25", "bindings = [\"::25\"]",
     "bindings[0]: '::25': IPv6 needs brackets, as in [::]:25."},
    {"-Bindings 0.0.0.0:25,0.0.0.0:25", "bindings = [\"0.0.0.0:25\", \"0.0.0.0:25\"]",
     "bindings[1]: '0.0.0.0:25' is listed twice."},
    {"-Bindings @()", "bindings = []", "bindings: an empty list."},
    {"-Name ''", "name = \"\"", "name: '' is empty."},
    {"-Name 12345678901234567890123456789012345678901234567890123456789012345",
     "name = \"12345678901234567890123456789012345678901234567890123456789012345\"",
     "name: '12345678901234567890123456789012345678901234567890123456789012345' has 65 "
     "characters."},
    {"-Banner '250 hello'", "banner = \"250 hello\"",
     "banner: '250 hello' does not begin with 220."},
    {"-Banner 2200", "banner = \"2200\"", "banner: '2200' does not begin with 220."},
    {"-MaxHopCount 501", "max_hop_count = 501", "max_hop_count: 501 is out of range."},
    {"-MaxHopCount -1", "max_hop_count = -1", "max_hop_count: -1 is out of range."},
    {"-MaxHopCount many", "max_hop_count = \"many\"", "max_hop_count: found a string ('many')."},
    {"-MaxMessageSize 1KB", "max_message_size = \"1KB\"",
     "max_message_size: '1KB' is out of range."},
    {"-MaxMessageSize big", "max_message_size = \"big\"", "max_message_size: 'big' is no size."},
    {"-ConnectionTimeout 5", "connection_timeout = \"5\"",
     "connection_timeout: '5' is no duration."},
    {"-Enabled maybe", "enabled = \"maybe\"", "enabled: found a string ('maybe')."},
    {"-Fqdn 'a b'", "fqdn = \"a b\"", "fqdn: 'a b': "},
    {"-TransportRole HubTransport", "transport_role = \"HubTransport\"",
     "transport_role: 'HubTransport': relais is a front end"},
    {"-AuthMechanism None,Tls", "auth_mechanism = [\"None\", \"Tls\"]",
     "auth_mechanism: \"None\" stands beside other values."},
    {"-AuthMechanism ExternalAuthoritative", "auth_mechanism = [\"ExternalAuthoritative\"]",
     "auth_mechanism: ExternalAuthoritative needs the permission group ExchangeServers."},
    {"-AuthMechanism 'Tls, BasicAuthRequireTLS'",
     "auth_mechanism = [\"Tls\", \"BasicAuthRequireTLS\"]",
     "auth_mechanism: BasicAuthRequireTLS stands without BasicAuth and Tls."},
    {"-PermissionGroups Custom", "permission_groups = [\"Custom\"]",
     "permission_groups[0]: 'Custom': a state that Exchange shows"},
    {"-PermissionGroups Anonymous", "permission_groups = [\"Anonymous\"]",
     "permission_groups[0]: 'Anonymous' is not known."},
};

std::string file_with(std::string_view line) {
  const std::string_view key = line.substr(0, line.find(' '));
  std::string text;
  for (const std::string_view own :
       {"name = \"Relay\"", "usage = \"Custom\"", "bindings = [\"0.0.0.0:25\"]",
        "remote_ip_ranges = [\"192.168.5.10\"]", "permission_groups = [\"AnonymousUsers\"]"}) {
    const std::string_view own_key = own.substr(0, own.find(' '));
    if (own_key == key || (line.empty() && own_key == "remote_ip_ranges")) continue;
    text += own;
    text += '\n';
  }
  text += line;
  return text += '\n';
}

// The errors that `relais check` would print, without their places.
std::vector<std::string> errors_of_file(std::string_view line) {
  TestFolder folder;
  folder.write("connectors/relay.toml", file_with(line));
  std::vector<std::string> sentences;
  for (const auto& finding : config::load(folder.path()).findings) {
    if (finding.severity == config::Finding::Severity::kError) {
      sentences.push_back(config::sentence(finding));
    }
  }
  return sentences;
}

TEST(BadInput, OneSentenceByCmdletAndByFileAndNothingChangesOnDisk) {
  TestFolder folder;
  ASSERT_EQ(folder.run(kNewRelay), "");
  const auto before = folder.tree();
  for (const BadInput& c : kCases) {
    std::string expected;
    for (const std::string& sentence : errors_of_file(c.line)) {
      expected += "Set-ReceiveConnector : ";
      expected += sentence;
      expected += '\n';
    }
    EXPECT_NE(expected.find(c.sentence), std::string::npos) << c.argument << '\n' << expected;
    std::string line("Set-ReceiveConnector Relay ");
    line += c.argument;
    EXPECT_EQ(folder.run(line), expected) << line;
    EXPECT_TRUE(folder.failed) << line;
    EXPECT_EQ(folder.console.printed, "") << line;
    EXPECT_EQ(folder.tree(), before) << line;
  }
}

TEST(BadInput, ANewConnectorWithABadValueLeavesNoFile) {
  TestFolder folder(false);
  const auto said =
      folder.run("New-ReceiveConnector Relay -Custom -Bindings :25 -RemoteIPRanges 10.0.0.0/33");
  EXPECT_NE(said.find("New-ReceiveConnector : bindings[0]: ':25': the address is missing."),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("New-ReceiveConnector : remote_ip_ranges[0]: '10.0.0.0/33': "),
            std::string::npos)
      << said;
  EXPECT_TRUE(folder.tree().empty());
}

TEST(BadInput, NothingThatIsSaidMovesTheCursor) {
  TestFolder folder;
  for (const std::string_view line :
       {"Get-ReceiveConnector a b\x1b[2J", "Get-\x1b[2JX", "Get-ReceiveConnector -\x1b[2J x",
        "Set-SendConnector 'O\x1b[2J' -SmartHosts 192.0.2.1",
        "Set-SendConnector Out -SmartHosts 'a\x1b[2J'"}) {
    const std::string said = folder.run(line);
    EXPECT_FALSE(said.empty()) << line;
    EXPECT_EQ(said.find('\x1b'), std::string::npos) << said;
  }
}

TEST(BadInput, Commands) {
  struct Refused {
    std::string_view line;
    std::string_view said;
  };
  const Refused cases[] = {
      {"Get-RecieveConnector",
       "Get-RecieveConnector : there is no such command. Did you mean Get-ReceiveConnector?\n"},
      {"Frobnicate", "Frobnicate : there is no such command. `Get-Command` lists them.\n"},
      {"Set-ReceiveConnector Relay -Enabeld $false",
       "Set-ReceiveConnector : there is no parameter -Enabeld. Did you mean -Enabled?\n"},
      {"Set-ReceiveConnector Relay -Qwertyuiop 1",
       "Set-ReceiveConnector : there is no parameter -Qwertyuiop. `Get-Help Set-ReceiveConnector` "
       "lists them.\n"},
      {"Set-ReceiveConnector Relay -MaxH 1",
       "Set-ReceiveConnector : -MaxH is ambiguous: -MaxHeaderSize, -MaxHopCount\n"},
      {"Set-ReceiveConnector Relay -Bindings", "Set-ReceiveConnector : -Bindings needs a value\n"},
      {"Set-ReceiveConnector Relay -Enabled $true -enabled $false",
       "Set-ReceiveConnector : -Enabled is given twice\n"},
      {"Get-ReceiveConnector Anonymous Relay",
       "Get-ReceiveConnector : 'Relay' is one value too many: a value with blanks needs quotes "
       "around it, and values of a list commas between them\n"},
      {"Set-ReceiveConnector -Enabled $true",
       "Set-ReceiveConnector : -Identity is missing. The connector: Name, or Server\\Name.\n"},
      {"Get-ReceiveConnector Rely",
       "Get-ReceiveConnector : there is no Receive connector 'Rely'. Did you mean 'Relay'?\n"},
      {"Get-ReceiveConnector other\\Relay",
       "Get-ReceiveConnector : there is no Receive connector 'other\\Relay'. "
       "Get-ReceiveConnector lists them.\n"},
      {"Set-ReceiveConnector Relay -Usage Internet",
       "Set-ReceiveConnector : there is no parameter -Usage. `Get-Help Set-ReceiveConnector` lists "
       "them.\n"},
      {"Get-ReceiveConnector | fl | Set-ReceiveConnector -Enabled $true",
       "Set-ReceiveConnector : nothing can follow in the pipeline behind a command that makes "
       "text\n"},
      {"fl", "fl : there is nothing in front of it\n"},
      {"Get-ReceiveConnector | New-AcceptedDomain x",
       "New-AcceptedDomain : it takes nothing from a pipeline\n"},
      {"Get-ReceiveConnector | where Enabled -eq",
       "Where-Object : write Where-Object {$_.Property -eq 'value'}\n"},
      {"Get-ReceiveConnector | where {$_.Name -match '['}",
       "Where-Object : '[' is no regular expression; -like takes * and ?\n"},
      {"New-ReceiveConnector x -Custom -Internet -Bindings 0.0.0.0:26",
       "New-ReceiveConnector : a connector has one usage, and two are given: Custom and "
       "Internet\n"},
      {"New-ReceiveConnector x -Internet -Bindings 0.0.0.0:26 -RemoteIPRanges 10.0.0.1",
       "New-ReceiveConnector : -RemoteIPRanges must not be given with usage Internet: an Internet "
       "connector serves every address\n"},
      {"New-ReceiveConnector x -Client -Bindings 0.0.0.0:26 -RemoteIPRanges 10.0.0.1",
       "New-ReceiveConnector : -Bindings must not be given with usage Client: a Client connector "
       "listens on 0.0.0.0:587\n"},
      {"Set-ReceiveConnector Relay -RemoteIPRanges @{Put='1.1.1.1'}",
       "Set-ReceiveConnector : @{Put=...}: write @{Add=...; Remove=...}\n"},
      {"Set-ReceiveConnector Relay -MaxHopCount @{Add='1'}",
       "Set-ReceiveConnector : -MaxHopCount is no list to add to\n"},
      {"Get-ReceiveConnector \"Relay",
       "Get-ReceiveConnector \"Relay\n                     ^\ncolumn 22: the quote is not "
       "closed\n"},
      {"Add-ADPermission Relay -User Nobody -ExtendedRights ms-Exch-SMTP-Submit",
       "Add-ADPermission : permission[0].user: 'Nobody' is no principal that a session can have "
       "here. Write "},
      {"Add-ADPermission Relay -User 'ANONYMOUS LOGON' -ExtendedRights ms-Exch-Nothing",
       "Add-ADPermission : permission[0].extended_rights[0]: 'ms-Exch-Nothing' is not known. "
       "Write "},
      {"New-AcceptedDomain *", "New-AcceptedDomain : accepted_domain[0].name: '*' would accept "},
      {"New-AcceptedDomain -DomainName x_y.com -DomainType Ours",
       "New-AcceptedDomain : accepted_domain[0].name: 'x_y.com': "},
      {"New-SendConnector Out -AddressSpaces * -SmartHosts 10.0.0.1",
       "New-SendConnector : send_connector[1].name: 'Out' is taken (line 7). Choose another "
       "name. ["},
      {"New-SendConnector B -AddressSpaces '*contoso.com' -SmartHosts 10.0.0.1",
       "New-SendConnector : send_connector[1].address_spaces[0]: '*contoso.com': "},
      {"Set-SendConnector Out -DNSRoutingEnabled $true",
       "Set-SendConnector : -DNSRoutingEnabled True: not supported here; it is always False\n"},
      {"Set-SendConnector Out -TlsAuthLevel DomainValidation",
       "Set-SendConnector : send_connector[0].tls_auth_level: DomainValidation without a name to "
       "look for. Write "},
      {"Set-SendConnector Out -SmartHostAuthMechanism ExchangeServer",
       "Set-SendConnector : send_connector[0].smart_host_auth_mechanism: 'ExchangeServer': there "
       "is no "},
  };
  TestFolder folder;
  ASSERT_EQ(folder.run(kNewRelay), "");
  const auto before = folder.tree();
  for (const Refused& c : cases) {
    const std::string said = folder.run(c.line);
    EXPECT_TRUE(said == c.said || (c.said.back() != '\n' && said.starts_with(c.said)))
        << c.line << '\n'
        << said;
    EXPECT_TRUE(folder.failed) << c.line;
    EXPECT_EQ(folder.tree(), before) << c.line;
  }
}

TEST(BadInput, TheNextLineIsTakenAllTheSame) {
  TestFolder folder;
  EXPECT_EQ(folder
                .run("Nonsense-Here\nx |\nGet-Foo $a\nGet-SendConnector | select Name | "
                     "ConvertTo-Json -Compress")
                .find("Nonsense-Here : "),
            0U);
  EXPECT_EQ(folder.console.printed, "{\"Name\":\"Out\"}\n");
  EXPECT_TRUE(folder.failed);
}

TEST(BadInput, AFileThatIsNoTomlIsLeftAlone) {
  TestFolder folder;
  folder.write("relais.toml", "name = \"x\n");
  EXPECT_NE(folder.run("New-AcceptedDomain contoso.com").find("DIR/relais.toml:"),
            std::string::npos);
  EXPECT_EQ(folder.read("relais.toml"), "name = \"x\n");
}

}  // namespace
}  // namespace relais::shell
