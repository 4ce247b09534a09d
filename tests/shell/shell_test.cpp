// The cmdlets on a folder: what they print, and what is in the files afterwards.
#include "shell/shell.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "config/load.h"
#include "config/parameter.h"
#include "folder.h"

namespace relais::shell {
namespace {

constexpr std::string_view kRelayFile =
    "name = \"Relay\"\n"
    "usage = \"Custom\"\n"
    "bindings = [\"0.0.0.0:25\"]\n"
    "remote_ip_ranges = [\"192.168.5.10\"]\n"
    "permission_groups = [\"AnonymousUsers\"]\n";

TEST(Shell, ANewConnectorIsAFileOfItsOwn) {
  TestFolder folder;
  EXPECT_EQ(folder.run(kNewRelay), "");
  EXPECT_EQ(folder.read("connectors/relay.toml"), kRelayFile);
  EXPECT_EQ(folder.printed("Get-ReceiveConnector"),
            "\n"
            "Identity    Bindings     Enabled\n"
            "--------    --------     -------\n"
            "RELAY\\Relay {0.0.0.0:25} True\n"
            "\n");
}

TEST(Shell, AFileIsNeverOverwritten) {
  TestFolder folder;
  EXPECT_EQ(folder.run(kNewRelay), "");
  folder.run(
      "New-ReceiveConnector 'RELAY!' -Custom -Bindings 0.0.0.0:25 -RemoteIPRanges 10.0.0.1 "
      "-PermissionGroups AnonymousUsers");
  EXPECT_EQ(folder.read("connectors/relay.toml"), kRelayFile);
  EXPECT_TRUE(folder.read("connectors/relay-2.toml").starts_with("name = \"RELAY!\"\n"));
}

TEST(Shell, ANameIsTakenOnce) {
  TestFolder folder;
  EXPECT_EQ(folder.run(kNewRelay), "");
  const auto before = folder.tree();
  EXPECT_NE(folder
                .run("New-ReceiveConnector RELAY -Custom -Bindings 0.0.0.0:26 -RemoteIPRanges "
                     "10.0.0.1")
                .find("name: 'Relay' is taken (DIR/connectors/relay.toml). Choose "),
            std::string::npos);
  EXPECT_EQ(folder.tree(), before);
}

TEST(Shell, AConnectorIsPutBehindALoadBalancer) {
  TestFolder folder;
  EXPECT_EQ(folder.run(kNewRelay), "");
  const std::string missing = folder.run("Set-ReceiveConnector Relay -ProxyProtocol required");
  EXPECT_NE(missing.find("trusted_proxies: is missing"), std::string::npos) << missing;
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -ProxyProtocol required -TrustedProxies "
                       "10.0.0.5,10.0.1.0/24"),
            "");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector Relay | fl ProxyProtocol,TrustedProxies"),
            "\nProxyProtocol  : required\nTrustedProxies : {10.0.0.5, 10.0.1.0/24}\n\n");
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -ProxyProtocol $null -TrustedProxies $null"),
            "");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector Relay | fl ProxyProtocol,TrustedProxies"),
            "\nProxyProtocol  : none\nTrustedProxies : {}\n\n");
}

TEST(Shell, AConnectorThatThrowsItsMailAwayIsWarnedOf) {
  TestFolder folder;
  EXPECT_EQ(folder.run(kNewRelay), "");
  const std::string said = folder.run("Set-ReceiveConnector Relay -Delivery discard");
  EXPECT_NE(said.find("'Relay' throws away all mail that it accepts"), std::string::npos) << said;
  EXPECT_EQ(folder.read("connectors/relay.toml"),
            std::string(kRelayFile) + "delivery = \"discard\"\n");
  EXPECT_NE(folder.printed("Get-ReceiveConnector Relay | fl Delivery").find("Delivery : discard"),
            std::string::npos);
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -Delivery queue"), "");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector Relay | fl Delivery"), "\nDelivery : queue\n\n");
}

TEST(Shell, AnEmptyFolderGetsWhatIsMissing) {
  TestFolder folder(false);
  folder.run(
      "New-AcceptedDomain contoso.com\n"
      "New-SendConnector Out -AddressSpaces * -SmartHosts 192.0.2.1\n");
  EXPECT_FALSE(folder.failed) << folder.console.said;
  EXPECT_EQ(folder.run(kNewRelay), "");
  const config::Loaded loaded = config::load(folder.path());
  EXPECT_TRUE(loaded.ok);
  EXPECT_TRUE(loaded.findings.empty());
  EXPECT_EQ(loaded.model.accepted_domains.size(), 1U);
}

TEST(Shell, CommentsOfUntouchedLinesStay) {
  TestFolder folder;
  const std::string file =
      "# Printers.\n"
      "name = \"Relay\"  # the name\n"
      "bindings = [\"0.0.0.0:25\"]\n"
      "remote_ip_ranges = [\n"
      "  \"192.168.5.10\",  # first\n"
      "  '192.168.5.11',  # second\n"
      "]\n"
      "permission_groups = [\"AnonymousUsers\"]  # groups\n";
  folder.write("connectors/x.toml", file);
  EXPECT_EQ(folder.run("Set-ReceiveConnector relay -RemoteIPRanges @{Add='10.0.0.0/24'; "
                       "Remove='192.168.5.10'} -Comment 'Floor 2'"),
            "");
  EXPECT_EQ(folder.read("connectors/x.toml"),
            "# Printers.\n"
            "name = \"Relay\"  # the name\n"
            "bindings = [\"0.0.0.0:25\"]\n"
            "remote_ip_ranges = [\n"
            "  '192.168.5.11',  # second\n"
            "  \"10.0.0.0/24\",\n"
            "]\n"
            "permission_groups = [\"AnonymousUsers\"]  # groups\n"
            "comment = \"Floor 2\"\n");
}

// Limits have no cmdlet: whatever is changed in their file, they stay as they are written.
TEST(Shell, LimitsStayWithEveryChangeOfTheirConnector) {
  TestFolder folder;
  const std::string keys =
      "name = \"Relay\"\n"
      "bindings = [\"0.0.0.0:25\"]\n"
      "remote_ip_ranges = [\"192.168.5.10\"]\n"
      "permission_groups = [\"AnonymousUsers\"]\n";
  const std::string limits =
      "\n"
      "# The web server.\n"
      "[[limit]]\n"
      "measure = 'messages'   # MAIL\n"
      "per = \"source/24\"\n"
      "rate = \"600/min\"\n"
      "action = [\n"
      "  \"delay\",  # first\n"
      "  \"defer\",\n"
      "]\n"
      "\n"
      "[[limit]]\n"
      "measure = \"concurrent\"\n"
      "max = 100  # all of them\n";
  folder.write("connectors/relay.toml", keys + limits);
  const std::string right =
      "-User 'NT AUTHORITY\\ANONYMOUS LOGON' -ExtendedRights ms-Exch-SMTP-Accept-Any-Recipient";
  for (const std::string& line : std::vector<std::string>{
           "Set-ReceiveConnector Relay -MessageRateLimit 900 -MaxInboundConnection 200",
           "Set-ReceiveConnector Relay -RemoteIPRanges @{Add='192.168.5.11'}",
           "Get-ReceiveConnector Relay | Add-ADPermission " + right + " | Out-Null",
           "Set-ReceiveConnector Relay -MessageRateLimit $null -MaxInboundConnection $null",
           "Remove-ADPermission Relay -Confirm:$false " + right,
           "Set-ReceiveConnector Relay -RemoteIPRanges 192.168.5.10"}) {
    folder.run(line);
    EXPECT_FALSE(folder.failed) << line << '\n' << folder.console.said;
    EXPECT_NE(folder.read("connectors/relay.toml").find(limits), std::string::npos)
        << line << '\n'
        << folder.read("connectors/relay.toml");
    EXPECT_EQ(config::load(folder.path()).model.receive_connectors.at(0).limits.size(), 2U);
  }
  EXPECT_EQ(folder.read("connectors/relay.toml"), keys + limits);
  folder.run(
      "New-ReceiveConnector Other -Custom -Bindings 0.0.0.0:26 -RemoteIPRanges 10.0.0.1 "
      "-PermissionGroups AnonymousUsers");
  EXPECT_EQ(folder.read("connectors/relay.toml"), keys + limits);
}

// What a cmdlet makes of the connector is held against its limits, too.
TEST(Shell, AChangeThatALimitForbidsIsRefused) {
  TestFolder folder;
  const std::string file = std::string(kRelayFile) +
                           "max_message_size = \"10MB\"\n\n[[limit]]\nmeasure = \"bytes\"\n"
                           "rate = \"10MB/min\"\n";
  folder.write("connectors/relay.toml", file);
  const std::string said = folder.run("Set-ReceiveConnector Relay -MaxMessageSize 11MB");
  EXPECT_TRUE(folder.failed);
  EXPECT_NE(said.find("limit[0].rate: the burst is 10MB and max_message_size 11MB: a message of "
                      "that size would never pass."),
            std::string::npos)
      << said;
  EXPECT_EQ(folder.read("connectors/relay.toml"), file);
}

TEST(Shell, NullTakesAKeyBackToItsDefault) {
  TestFolder folder;
  folder.run(kNewRelay);
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -Banner '220 hello' -MaxHopCount 12"), "");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector Relay | fl Banner,MaxHop*"),
            "\nBanner      : 220 hello\nMaxHopCount : 12\n\n");
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -Banner $null -MaxHopCount $null"), "");
  EXPECT_EQ(folder.read("connectors/relay.toml"), kRelayFile);
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -Enabled:$true -Banner $null"), "");
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -Enabled $true"),
            "WARNING: nothing has changed: Receive connector 'Relay' was like that\n");
}

TEST(Shell, EveryRowOfTheTableIsAParameterAndAProperty) {
  TestFolder folder;
  folder.run(kNewRelay);
  folder.run("Get-ReceiveConnector Relay | ConvertTo-Json");
  const std::string json = folder.console.printed;
  folder.run("Get-Help Set-ReceiveConnector");
  const std::string help = folder.console.printed;
  for (const auto& row : config::receive_connector_parameters()) {
    if (row.exchange.empty() || row.key == "permission") continue;
    std::string name(row.exchange);
    EXPECT_NE(json.find('"' + name + '"'), std::string::npos) << name;
    if (name == "Usage") continue;  // chosen once, by New-ReceiveConnector
    EXPECT_NE(help.find('-' + name), std::string::npos) << name;
  }
}

TEST(Shell, WhatExchangeHasAndWeDoNotIsAcceptedWithAWarning) {
  TestFolder folder;
  folder.run(kNewRelay);
  EXPECT_EQ(folder.run("Set-ReceiveConnector Relay -OrarEnabled $true -Enabled $false")
                .find("WARNING: -OrarEnabled has no effect here\n"
                      "WARNING: DIR/connectors: every connector is disabled: nothing would listen. "
                      "Write enabled = true in one of them. ["),
            0U);
  EXPECT_FALSE(folder.failed);
}

TEST(Shell, WhatIfChangesNothing) {
  TestFolder folder;
  folder.run(kNewRelay);
  const auto before = folder.tree();
  EXPECT_EQ(folder.printed("Set-ReceiveConnector Relay -MaxHopCount 5 -Comment $null -WhatIf"),
            "What if: Setting Receive connector \"RELAY\\Relay\": max_hop_count = 5.\n");
  folder.run(
      "New-ReceiveConnector B -Custom -Bindings 0.0.0.0:25 -RemoteIPRanges 10.0.0.1 -wh;"
      "New-AcceptedDomain contoso.com -WhatIf; Remove-SendConnector Out -WhatIf;"
      "Add-ADPermission Relay -User 'ANONYMOUS LOGON' -ExtendedRights "
      "ms-Exch-SMTP-Accept-Any-Recipient -WhatIf; Remove-ReceiveConnector Rely -WhatIf");
  EXPECT_EQ(folder.tree(), before);
  EXPECT_EQ(folder.read("audit.log").find("max_hop_count"), std::string::npos);
}

TEST(Shell, WhatIfNamesWhatWouldBeRemoved) {
  TestFolder folder;
  folder.run(kNewRelay);
  folder.run(
      "New-ReceiveConnector B -Internet -Bindings 0.0.0.0:26; New-AcceptedDomain contoso.com");
  folder.run(
      "Add-ADPermission Relay -User 'ANONYMOUS LOGON' -ExtendedRights "
      "ms-Exch-SMTP-Accept-Any-Recipient,ms-Exch-Bypass-Anti-Spam");
  const auto before = folder.tree();
  const std::string remove = "Remove-ADPermission Relay -User S-1-5-7 -WhatIf -ExtendedRights ";
  const std::string rights =
      "What if: Removing rights on Receive connector \"RELAY\\Relay\": removes ";
  EXPECT_EQ(
      folder.printed(remove + "ms-Exch-Bypass-Anti-Spam"),
      rights + "from [[permission]] NT AUTHORITY\\ANONYMOUS LOGON: ms-Exch-Bypass-Anti-Spam.\n");
  EXPECT_EQ(folder.printed(remove + "ms-Exch-Bypass-Anti-Spam,ms-Exch-SMTP-Accept-Any-Recipient"),
            rights +
                "[[permission]] NT AUTHORITY\\ANONYMOUS LOGON ms-Exch-SMTP-Accept-Any-Recipient, "
                "ms-Exch-Bypass-Anti-Spam.\n");
  EXPECT_EQ(folder.printed("Remove-AcceptedDomain contoso.com -WhatIf"),
            "What if: Removing accepted domain \"contoso.com\": removes [[accepted_domain]] "
            "contoso.com of relais.toml.\n");
  EXPECT_EQ(folder.printed("Remove-ReceiveConnector b -WhatIf"),
            "What if: Removing Receive connector \"RELAY\\B\": removes connectors/b.toml.\n");
  EXPECT_EQ(folder.tree(), before);
}

TEST(Shell, TwoRelayMethodsAndTheirRights) {
  TestFolder folder;
  folder.run(kNewRelay);
  EXPECT_EQ(folder.printed("Get-ReceiveConnector Relay | Add-ADPermission -User \"NT "
                           "AUTHORITY\\ANONYMOUS LOGON\" -ExtendedRights "
                           "Ms-Exch-SMTP-Accept-Any-Recipient"),
            "\n"
            "Identity    User                         Deny  Inherited\n"
            "--------    ----                         ----  ---------\n"
            "RELAY\\Relay NT AUTHORITY\\ANONYMOUS LOGON False False\n"
            "\n");
  EXPECT_EQ(folder.printed("Get-ADPermission Relay -User 'anonymous logon' | Measure-Object"),
            "\nCount : 5\n\n");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector Relay | select -ExpandProperty PermissionGroups"),
            "AnonymousUsers, Custom\n");
  EXPECT_EQ(folder
                .run("Set-ReceiveConnector Relay -AuthMechanism ExternalAuthoritative "
                     "-PermissionGroups ExchangeServers")
                .find("WARNING: auth_mechanism: both relay methods at once"),
            0U);
  EXPECT_FALSE(folder.failed);
  EXPECT_EQ(folder.printed("Get-ADPermission Relay -User 'MS Exchange\\Externally Secured Servers' "
                           "| measure"),
            "\nCount : 9\n\n");
}

TEST(Shell, PermissionsComeAndGo) {
  TestFolder folder;
  folder.run(kNewRelay);
  const std::string add =
      "Add-ADPermission Relay -User 'NT AUTHORITY\\ANONYMOUS LOGON' -ExtendedRights ";
  folder.run(add + "ms-Exch-SMTP-Accept-Any-Recipient,ms-Exch-Bypass-Anti-Spam");
  EXPECT_EQ(folder.run(add + "ms-Exch-SMTP-Accept-Any-Recipient"),
            "WARNING: NT AUTHORITY\\ANONYMOUS LOGON has ms-Exch-SMTP-Accept-Any-Recipient already, "
            "as a single entry\n");
  EXPECT_EQ(folder.run(add + "ms-Exch-SMTP-Submit"),
            "WARNING: NT AUTHORITY\\ANONYMOUS LOGON has ms-Exch-SMTP-Submit already, from the "
            "permission group AnonymousUsers\n");
  folder.run(add + "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender -Deny");
  EXPECT_EQ(folder.read("connectors/relay.toml"),
            std::string(kRelayFile) +
                "\n[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\nextended_rights = "
                "[\"ms-Exch-SMTP-Accept-Any-Recipient\", \"ms-Exch-Bypass-Anti-Spam\"]\n"
                "\n[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\nextended_rights = "
                "[\"ms-Exch-SMTP-Accept-Authoritative-Domain-Sender\"]\ndeny = true\n");
  const std::string remove = "Remove-ADPermission" + add.substr(add.find(' '));
  EXPECT_EQ(folder.run(remove + "ms-Exch-SMTP-Submit"),
            "Remove-ADPermission : ms-Exch-SMTP-Submit of NT AUTHORITY\\ANONYMOUS LOGON comes from "
            "the permission group AnonymousUsers, so no single entry can be removed. Use a deny "
            "entry (Add-ADPermission ... -Deny), or take the group away\n");
  EXPECT_EQ(folder.run(remove + "ms-Exch-Bypass-Anti-Spam -Confirm:$false"), "");
  EXPECT_EQ(folder.run("Get-ADPermission Relay | where Deny -eq $true | Remove-ADPermission"), "");
  EXPECT_EQ(folder.run(remove + "ms-Exch-SMTP-Accept-Any-Recipient"), "");
  EXPECT_EQ(folder.read("connectors/relay.toml"), kRelayFile);
  EXPECT_TRUE(folder.run(remove + "ms-Exch-SMTP-Accept-Any-Recipient").find("has no entry") !=
              std::string::npos);
}

TEST(Shell, DomainsAndSendConnectors) {
  TestFolder folder;
  folder.run(kNewRelay);
  EXPECT_EQ(folder.printed("New-AcceptedDomain -Name contoso.com -DomainName contoso.com "
                           "-DomainType internalrelay"),
            "\n"
            "Name        DomainName  DomainType    Default\n"
            "----        ----------  ----------    -------\n"
            "contoso.com contoso.com InternalRelay True\n"
            "\n");
  EXPECT_EQ(folder.run("Set-AcceptedDomain contoso.com -DomainType Authoritative"), "");
  EXPECT_EQ(folder.read("relais.toml"), std::string(kMain) +
                                            "\n[[accepted_domain]]\nname = \"contoso.com\"\n"
                                            "type = \"Authoritative\"\n");
  EXPECT_EQ(folder.run("Remove-AcceptedDomain contoso.com"), "");
  EXPECT_EQ(folder.read("relais.toml"), kMain);
  EXPECT_EQ(folder.printed("New-SendConnector B -AddressSpaces 'contoso.com;5' -SmartHosts "
                           "10.0.0.1,[::1],10.0.0.2:26 -Port 2525 | fl Name,AddressSpaces,"
                           "SmartHosts,DNSRoutingEnabled"),
            "\n"
            "Name              : B\n"
            "AddressSpaces     : {SMTP:contoso.com;5}\n"
            "SmartHosts        : {10.0.0.1:2525, [::1]:2525, 10.0.0.2:26}\n"
            "DNSRoutingEnabled : False\n"
            "\n");
  EXPECT_EQ(folder.run("Remove-SendConnector B"), "");
  EXPECT_EQ(folder.read("relais.toml"), kMain);
}

TEST(Shell, SecurityOfASendConnector) {
  TestFolder folder;
  folder.run(kNewRelay);
  EXPECT_EQ(folder.run("Set-SendConnector Out -RequireTLS $true -TlsAuthLevel DomainValidation "
                       "-TlsDomain mx.contoso.com"),
            "");
  EXPECT_EQ(folder.printed("Get-SendConnector Out | fl RequireTLS,IgnoreSTARTTLS,TlsAuthLevel,"
                           "TlsDomain,SmartHostAuthMechanism,Tls"),
            "\n"
            "RequireTLS             : True\n"
            "IgnoreSTARTTLS         : False\n"
            "TlsAuthLevel           : DomainValidation\n"
            "TlsDomain              : mx.contoso.com\n"
            "SmartHostAuthMechanism : None\n"
            "Tls                    : starttls\n"
            "\n");
  EXPECT_EQ(folder.run("Set-SendConnector Out -SmartHostAuthMechanism BasicAuthRequireTLS "
                       "-AuthUser relay -AuthPasswordFile password"),
            "");
  EXPECT_NE(folder.read("relais.toml").find("auth_password_file = \"password\""),
            std::string::npos);
}

TEST(Shell, RemovingAsksAPersonAlone) {
  TestFolder folder;
  folder.run(kNewRelay);
  folder.run("New-ReceiveConnector B -Internet -Bindings 0.0.0.0:26 | Out-Null");
  folder.console.interactive = true;
  folder.console.answer = false;
  EXPECT_EQ(folder.run("Remove-ReceiveConnector B"), "");
  EXPECT_EQ(folder.console.questions,
            "Confirm: Removing Receive connector \"B\". [Y] Yes  [N] No (default is \"Y\"): ");
  EXPECT_NE(folder.read("connectors/b.toml"), "");
  EXPECT_EQ(folder.run("Remove-ReceiveConnector B -Confirm:$false"), "");
  EXPECT_EQ(folder.read("connectors/b.toml"), "");
  EXPECT_EQ(
      folder.run("Get-ReceiveConnector | Remove-ReceiveConnector -Confirm:$false"),
      "Remove-ReceiveConnector : without 'Relay' nothing would listen: it is the last Receive "
      "connector; disable it instead: Set-ReceiveConnector \"Relay\" -Enabled $false\n");
}

TEST(Shell, ThePipelineBringsObjects) {
  TestFolder folder;
  folder.run(kNewRelay);
  folder.run("New-ReceiveConnector B -Internet -Bindings 0.0.0.0:26 | Out-Null");
  EXPECT_EQ(folder.run("Get-ReceiveConnector | where {$_.Name -ne 'b'} | Set-ReceiveConnector "
                       "-MaxHopCount 9"),
            "");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector | sort MaxHopCount -Descending | select "
                           "Name,MaxHopCount | ft"),
            "\n"
            "Name  MaxHopCount\n"
            "----  -----------\n"
            "B              60\n"
            "Relay           9\n"
            "\n");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector rel* | select -First 1 -Expand RemoteIPRanges"),
            "192.168.5.10\n");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector | ? Name -like 'b*' | fl RemoteIPRanges"),
            "\nRemoteIPRanges : {0.0.0.0-255.255.255.255}\n\n");
  EXPECT_EQ(folder.printed("Get-ReceiveConnector | where {$_.Name -eq 'none'} | "
                           "Set-ReceiveConnector -Enabled $false"),
            "");
}

TEST(Shell, EveryChangeIsInTheAuditLog) {
  TestFolder folder;
  folder.run(kNewRelay);
  folder.run("Set-ReceiveConnector Relay -MaxHopCount 9  # why not");
  folder.run("Set-ReceiveConnector Relay -MaxHopCount 999");
  const std::string log = folder.read("audit.log");
  EXPECT_EQ(std::ranges::count(log, '\n'), 2);
  const std::string last = log.substr(log.find('\n') + 1);
  EXPECT_NE(
      last.find("\"command\":\"Set-ReceiveConnector Relay -MaxHopCount 9  # why not\",\"file\":"
                "\"connectors/relay.toml\",\"before\":{\"max_hop_count\":null},\"after\":{"
                "\"max_hop_count\":\"9\"},\"result\":\"written\"}"),
      std::string::npos)
      << last;
  EXPECT_TRUE(last.starts_with("{\"when\":\"20")) << last;
  EXPECT_NE(last.find("\"uid\":"), std::string::npos);
}

TEST(Shell, WhatCannotBeLoggedIsNotDone) {
  TestFolder folder;
  std::string main(kMain);
  main.insert(main.find("data_dir"), "audit_log = \"no/such/folder/audit.log\"\n");
  folder.write("relais.toml", main);
  EXPECT_NE(folder.run(kNewRelay).find("the audit log cannot be written, so nothing was changed"),
            std::string::npos);
  EXPECT_EQ(folder.read("connectors/relay.toml"), "");
}

TEST(Shell, Incomplete) {
  for (const char* text : {"a |\n", "a 'x\n", "a {\n", "a `\n", "a b,\n"}) {
    EXPECT_TRUE(Shell::is_incomplete(text)) << text;
  }
  for (const char* text : {"", "a\n", "a 'x'\n", "a )\n", "a # `x\n"}) {
    EXPECT_FALSE(Shell::is_incomplete(text)) << text;
  }
}

TEST(Shell, ExitEndsIt) {
  TestFolder folder;
  EXPECT_EQ(folder.run("exit; Nonsense-Here"), "");
  EXPECT_FALSE(folder.failed);
}

TEST(Completion, Words) {
  TestFolder folder;
  folder.run(kNewRelay);
  folder.run("New-ReceiveConnector 'Anonymous Relay' -Internet -Bindings 0.0.0.0:26 | Out-Null");
  const auto words = [&](std::string_view line) {
    return complete(line, folder.path()).candidates;
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words("set-r"), Words{"Set-ReceiveConnector"});
  EXPECT_EQ(words("Get-ReceiveConnector | Remove-r"), Words{"Remove-ReceiveConnector"});
  EXPECT_EQ(words("Set-ReceiveConnector Relay -maxh"), (Words{"-MaxHeaderSize", "-MaxHopCount"}));
  EXPECT_EQ(words("Set-ReceiveConnector an"), Words{"\"Anonymous Relay\""});
  EXPECT_EQ(words("Set-ReceiveConnector \"anonymous r"), Words{"\"Anonymous Relay\""});
  EXPECT_EQ(words("Set-ReceiveConnector -Identity R"), Words{"Relay"});
  EXPECT_EQ(words("Set-ReceiveConnector Relay -PermissionGroups AnonymousUsers,exchanges"),
            Words{"ExchangeServers"});
  EXPECT_EQ(words("Set-ReceiveConnector Relay -Enabled $t"), Words{"$true"});
  EXPECT_EQ(words("Add-ADPermission Relay -User \"NT AUTHORITY\\AN"),
            Words{"\"NT AUTHORITY\\ANONYMOUS LOGON\""});
  EXPECT_EQ(words("Get-SendConnector "), Words{"Out"});
  EXPECT_EQ(words("Get-ReceiveConnector | fl remotei"), Words{"RemoteIPRanges"});
  EXPECT_EQ(words("Nonsense-Here -"), Words{});
  EXPECT_EQ(words("Get-Help 'x\" | {"), Words{});
}

}  // namespace
}  // namespace relais::shell
