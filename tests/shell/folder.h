// A configuration folder and a shell for one test: what it printed and said, and the folder's every
// octet.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "shell/console.h"

namespace relais::shell {

class Recorder final : public Console {
 public:
  void print(std::string_view text) override { printed += text; }
  void say(std::string_view text) override { said += text; }
  [[nodiscard]] bool is_interactive() const override { return interactive; }
  [[nodiscard]] bool confirm(const std::string& question) override {
    questions += question;
    return answer;
  }

  std::string printed;
  std::string said;
  std::string questions;
  bool interactive = false;
  bool answer = true;
};

class TestFolder {
 public:
  // Empty, or with a main file and no connector.
  explicit TestFolder(bool with_main = true);
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  // What a shell said to these lines (`console` also keeps what it printed); DIR stands for the
  // folder's name. That no server runs, which every change says here, is kept apart.
  std::string run(std::string_view lines);
  // What it printed.
  std::string printed(std::string_view lines);

  void write(const std::string& name, std::string_view text) const;
  [[nodiscard]] std::string read(const std::string& name) const;
  // Every file but the audit log.
  [[nodiscard]] std::map<std::string, std::string> tree() const;
  [[nodiscard]] const std::string& path() const { return path_; }

  Recorder console;
  bool failed = false;  // of the last run
  bool said_that_no_server_runs = false;

 private:
  std::string path_;
};

inline constexpr std::string_view kMain =
    "[server]\n"
    "fqdn = \"relay.contoso.com\"\n"
    "data_dir = \"data\"\n"
    "\n"
    "# Where mail goes.\n"
    "[[send_connector]]\n"
    "name = \"Out\"\n"
    "address_spaces = [\"*\"]\n"
    "smart_hosts = [\"192.0.2.1\"]\n";

// Makes a connector that says nothing wrong and nothing doubtful.
inline constexpr std::string_view kNewRelay =
    "New-ReceiveConnector Relay -Custom -Bindings 0.0.0.0:25 -RemoteIPRanges 192.168.5.10 "
    "-PermissionGroups AnonymousUsers | Out-Null\n";

}  // namespace relais::shell
