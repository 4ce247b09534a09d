// Lines of the shell: the language, what Tab offers, and the cmdlets at work on a folder.
// A value written as a literal is read as the same; statements follow each other to the end of the
// text; and whatever cmdlets have done, a folder that loaded still loads, nothing beside it was
// touched, and the audit log is whole.
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "config/load.h"
#include "fuzz/fuzzer.h"
#include "shell/folder.h"
#include "shell/parser.h"
#include "shell/shell.h"

namespace relais::fuzz {
namespace {

using namespace relais::shell;
namespace fs = std::filesystem;

// A string in PowerShell's single quotes.
std::string literal(const std::string& text) {
  // The canary: a word without a blank needs no quotes.
  if (kCanary && !text.empty() && text.find(' ') == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + '\'';
}

void judge_value(const Value& value) {
  const auto* text = value.as<std::string>();
  // Typographic quotes are quotes too, and stay what they are.
  if (text == nullptr || text->find('\xe2') != std::string::npos) return;
  const std::string line = "x " + literal(*text);
  const auto statement = parse_statement(line);
  must(statement && statement->next == line.size(), "a literal is a value", line);
  const auto& elements = statement->pipeline.commands.at(0).elements;
  must(elements.size() == 1 && elements[0].argument.size() == 1, "one literal is one value", line);
  const auto* again = std::get_if<Value>(&elements[0].argument[0].value);
  must(again != nullptr && again->as<std::string>() != nullptr, "a literal is a text", line);
  must_equal(*again->as<std::string>(), *text, "a literal is read as it was written");
}

void try_language(std::string_view text) {
  const Exactly memory(text);
  for (size_t at = 0; at < text.size();) {
    const auto statement = parse_statement(memory.view(), at);
    if (!statement) {
      must(statement.error().at <= text.size() && !statement.error().what.empty(),
           "an error has a place in the text", text);
      const std::string shown = show(statement.error(), memory.view());
      must(shown.find("\ncolumn ") != std::string::npos, "an error is shown", shown);
      break;
    }
    must(statement->begin <= statement->end && statement->end <= statement->next &&
             statement->next > at && statement->next <= text.size(),
         "statements follow each other", text);
    for (const Command& command : statement->pipeline.commands)
      for (const Element& element : command.elements)
        for (const Argument& argument : element.argument)
          if (const auto* value = std::get_if<Value>(&argument.value)) judge_value(*value);
    at = statement->next;
  }
  [[maybe_unused]] const bool incomplete = Shell::is_incomplete(memory.view());
}

// A folder of configuration alone in a folder of its own, in memory where there is one.
class Sandbox {
 public:
  Sandbox() {
    if (fs::is_directory("/dev/shm")) setenv("TMPDIR", "/dev/shm", 1);
    std::string name = (fs::temp_directory_path() / "relais-fuzz-XXXXXX").string();
    must(mkdtemp(name.data()) != nullptr, "there is room for a folder");
    path_ = name;
    fs::create_directories(path_ + "/conf/connectors");
    std::ofstream(folder() + "/relais.toml") << kMain;
    std::ofstream(folder() + "/connectors/relay.toml")
        << "name = \"Relay\"\nusage = \"Custom\"\nbindings = [\"0.0.0.0:25\"]\n"
           "remote_ip_ranges = [\"192.168.5.10\"]\npermission_groups = [\"AnonymousUsers\"]\n";
  }
  ~Sandbox() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string folder() const { return path_ + "/conf"; }
  [[nodiscard]] bool is_alone() const {
    const auto count = std::distance(fs::directory_iterator(path_), fs::directory_iterator());
    return count == 1;
  }

 private:
  std::string path_;
};

void judge_audit_log(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    must(line.starts_with('{') && line.ends_with('}') && !file.eof(),
         "a line of the audit log is one object", line);
  }
}

void try_cmdlets(std::string_view text) {
  const Sandbox sandbox;
  Recorder console;
  Shell shell(sandbox.folder(), console);
  shell.run(text);
  must(sandbox.is_alone(), "nothing beside the folder is touched", text);
  const config::Loaded after = config::load(sandbox.folder());
  // The last connector may go: then nothing listens, and the shell has said so.
  const bool nobody = after.model.receive_connectors.empty();
  if (!after.ok && !nobody) {
    for (const auto& finding : after.findings)
      if (finding.severity == config::Finding::Severity::kError)
        found("a folder that loaded still loads", config::to_string(finding));
  }
  judge_audit_log(sandbox.folder() + "/audit.log");
  const auto moves = [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 127; };
  must(std::ranges::none_of(console.said, moves), "nothing that is said moves the cursor",
       console.said);
}

}  // namespace

Material material() {
  Material all;
  for (const char* line :
       {"New-ReceiveConnector -Name \"Anonymous Relay\" -TransportRole FrontendTransport -Custom "
        "-Bindings 0.0.0.0:26 -RemoteIpRanges 192.168.5.10,192.168.5.11",
        "Get-ReceiveConnector Relay | Add-ADPermission -User \"NT AUTHORITY\\ANONYMOUS LOGON\" "
        "-ExtendedRights \"Ms-Exch-SMTP-Accept-Any-Recipient\"",
        "Get-ADPermission Relay | where {($_.Deny -eq $false) -and ($_.IsInherited -eq $false)} | "
        "Format-Table User,ExtendedRights",
        "Set-ReceiveConnector Relay -RemoteIPRanges @{Add='10.0.0.0/24'; Remove='192.168.5.10'}",
        "Set-ReceiveConnector Relay -MaxMessageSize 10MB -ConnectionTimeout 00:05:00 -Comment "
        "\"Floor 2\" -Confirm:$false",
        "Set-ReceiveConnector Relay -PermissionGroups ExchangeServers -AuthMechanism "
        "ExternalAuthoritative",
        "Set-ReceiveConnector Relay -ProxyProtocol required -TrustedProxies 10.0.0.5,10.0.1.0/24",
        "Remove-ReceiveConnector Relay -WhatIf", "Remove-ReceiveConnector Relay -Confirm:$false",
        "New-AcceptedDomain contoso.com; Get-AcceptedDomain | fl",
        "New-SendConnector Other -AddressSpaces contoso.com -SmartHosts 192.0.2.1",
        "Set-SendConnector Out -SmartHosts @('192.0.2.1','192.0.2.2')\nGet-SendConnector | ft Name",
        "Get-ReceiveConnector | Where-Object Name -like \"R*\" | Sort-Object Name | Select-Object "
        "-First 1",
        "Get-ReceiveConnector | Format-List *; Get-Help Set-ReceiveConnector; Get-Command",
        "Get-ReceiveConnector | measure; Get-ReceiveConnector | ConvertTo-Json",
        "# nothing\n;;\nexit"}) {
    all.seeds.push_back(seed(line, {0}));
    all.seeds.push_back(seed(line, {1}));
  }
  for (const CmdletSpec& cmdlet : all_cmdlets()) {
    all.dictionary.push_back(cmdlet.name + ' ');
    for (const ParameterSpec& parameter : cmdlet.parameters)
      all.dictionary.push_back(" -" + parameter.name + ' ');
  }
  for (const char* word : {"'",
                           "\"",
                           "`",
                           "$true",
                           "$null",
                           "$_.",
                           "@{Add=",
                           "@(",
                           ")",
                           "}",
                           "{",
                           "|",
                           ";",
                           ",",
                           " -eq ",
                           " -like ",
                           " -and ",
                           "-not ",
                           "\xe2\x80\x9c",
                           "\xe2\x80\x98",
                           "\xe2\x80\x93",
                           "..",
                           "../",
                           "*",
                           "36MB",
                           "10.0.0.1",
                           "#",
                           "\n"})
    all.dictionary.emplace_back(word);
  std::ranges::sort(all.dictionary);
  const auto twice = std::ranges::unique(all.dictionary);
  all.dictionary.erase(twice.begin(), twice.end());
  return all;
}

void try_one(Input& input) {
  const std::string_view text = input.text().substr(0, 600);
  try_language(text);
  if (input.byte() % 8 == 1) {
    static const Sandbox kSandbox;
    [[maybe_unused]] const Completion offered = complete(text, kSandbox.folder());
    must(offered.begin <= text.size(), "what Tab completes is in the line", text);
    try_cmdlets(text);
  }
}

}  // namespace relais::fuzz
