// What cannot be read is said and never taken for nothing; what is refused leaves no folder behind.
#include <gtest/gtest.h>

#include <filesystem>

#include "folder.h"
#include "shell/shell.h"

namespace relais::shell {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGets[] = {"Get-ReceiveConnector", "Get-AcceptedDomain", "Get-SendConnector",
                                 "Get-ADPermission Relay"};

struct Outcome {
  std::string said;
  std::string printed;
  bool failed = false;
};

Outcome run_in(const std::string& folder, std::string_view lines) {
  Recorder console;
  Shell shell(folder, console);
  shell.run(lines);
  return {console.said, console.printed, shell.failed()};
}

TEST(BrokenFolder, WhatCannotBeReadIsAWarningOfGet) {
  TestFolder folder;
  folder.run(kNewRelay);
  folder.write("connectors/broken.toml", "name = \"B\nbindings\n");
  fs::create_directory(folder.path() + "/connectors/a.toml");
  for (const char* get : kGets) {
    const std::string said = folder.run(get);
    EXPECT_EQ(said.find("WARNING: DIR/connectors/a.toml: is no regular file. "), 0U) << said;
    EXPECT_NE(said.find("\nWARNING: DIR/connectors/broken.toml:1: "), std::string::npos) << said;
    EXPECT_FALSE(folder.failed) << get;
  }
  folder.run("Get-ReceiveConnector");
  EXPECT_NE(folder.console.printed.find("RELAY\\Relay"), std::string::npos);
  // Once a line, not once an object.
  const std::string said = folder.run("Get-ReceiveConnector | Get-ADPermission");
  EXPECT_EQ(said.find("a.toml"), said.rfind("a.toml")) << said;
}

TEST(BrokenFolder, AnotherConnectorCanBeChangedWithAWarning) {
  TestFolder folder;
  folder.run(kNewRelay);
  folder.write("connectors/broken.toml", "name = \"B\n");
  const std::string said = folder.run("Set-ReceiveConnector Relay -MaxHopCount 9");
  EXPECT_EQ(said.find("WARNING: the configuration is not valid, so the next start will fail: "
                      "DIR/connectors/broken.toml:1: "),
            0U)
      << said;
  EXPECT_FALSE(folder.failed);
  EXPECT_NE(folder.read("connectors/relay.toml").find("max_hop_count = 9"), std::string::npos);
  const std::string none = folder.run("Set-ReceiveConnector B -MaxHopCount 9");
  EXPECT_EQ(none.find("Set-ReceiveConnector : there is no Receive connector 'B'"), 0U) << none;
  EXPECT_NE(none.find("WARNING: DIR/connectors/broken.toml:1: "), std::string::npos) << none;
}

TEST(BrokenFolder, AMainFileThatCannotBeReadIsNotReplaced) {
  TestFolder folder;
  folder.run(kNewRelay);
  fs::remove(folder.path() + "/relais.toml");
  fs::create_directory(folder.path() + "/relais.toml");
  const std::string said = folder.run("New-AcceptedDomain contoso.com");
  EXPECT_EQ(said,
            "New-AcceptedDomain : DIR/relais.toml: cannot be read, so nothing can be changed "
            "in it\n");
  EXPECT_TRUE(folder.failed);
  EXPECT_TRUE(fs::is_directory(folder.path() + "/relais.toml"));
}

TEST(BrokenFolder, AFolderThatIsNoneIsAnError) {
  TestFolder folder;
  const std::string missing = folder.path() + "/nx/sub";
  const std::string file = folder.path() + "/relais.toml";
  for (const char* line :
       {kGets[0], kGets[1], kGets[2], kGets[3], "Set-ReceiveConnector Relay -MaxHopCount 9",
        "Remove-AcceptedDomain contoso.com", "Set-SendConnector Out -SmartHosts 192.0.2.2"}) {
    const std::string cmdlet = std::string(line).substr(0, std::string_view(line).find(' '));
    Outcome run = run_in(missing, line);
    EXPECT_EQ(run.said, cmdlet + " : " + missing + ": there is no such folder\n");
    EXPECT_TRUE(run.failed) << line;
    run = run_in(file, line);
    EXPECT_EQ(run.said, cmdlet + " : " + file + ": is no folder\n");
    EXPECT_TRUE(run.failed) << line;
  }
  EXPECT_TRUE(run_in(file, "New-AcceptedDomain contoso.com").failed);
  EXPECT_FALSE(fs::exists(folder.path() + "/nx"));
}

TEST(BrokenFolder, OnlyAChangeThatIsWrittenMakesAFolder) {
  TestFolder folder;
  const std::string missing = folder.path() + "/nx/sub";
  for (const char* line : {"New-AcceptedDomain x_y.com",
                           "New-ReceiveConnector B -Custom -Bindings :25 -RemoteIPRanges 10.0.0.1",
                           "New-AcceptedDomain contoso.com -WhatIf"}) {
    EXPECT_EQ(run_in(missing, line).failed,
              std::string_view(line).find("WhatIf") == std::string_view::npos)
        << line;
    EXPECT_FALSE(fs::exists(folder.path() + "/nx")) << line;
  }
  const Outcome run = run_in(missing, "New-AcceptedDomain contoso.com | Out-Null");
  EXPECT_FALSE(run.failed) << run.said;
  EXPECT_TRUE(fs::exists(missing + "/relais.toml"));
  EXPECT_EQ(run.said.find("not valid"), std::string::npos) << run.said;
}

TEST(BrokenFolder, ThatNoServerRunsIsSaidOnceAndOnlyOfAChange) {
  TestFolder folder;
  folder.run(kNewRelay);
  EXPECT_TRUE(folder.said_that_no_server_runs);
  folder.run(
      "Set-ReceiveConnector Relay -MaxHopCount 9\nSet-ReceiveConnector Relay -MaxHopCount 8");
  EXPECT_TRUE(folder.said_that_no_server_runs);
  EXPECT_NE(folder.console.said.find("No server runs with data_dir " + folder.path() +
                                     "/data; the change takes effect at the next start.\n"),
            std::string::npos)
      << folder.console.said;
  folder.run(
      "Get-ReceiveConnector\nSet-ReceiveConnector Relay -MaxHopCount 7 -WhatIf\n"
      "Set-ReceiveConnector Relay -MaxHopCount 8\nSet-ReceiveConnector Relay -MaxHopCount x");
  EXPECT_FALSE(folder.said_that_no_server_runs);
}

}  // namespace
}  // namespace relais::shell
