// What Tab offers. Reads the line as far as it is good, and the configuration for names.
#include <algorithm>

#include "policy/ascii.h"
#include "shell/change.h"
#include "shell/parser.h"
#include "shell/receive_connector.h"
#include "shell/section_object.h"
#include "shell/shell.h"

namespace relais::shell {
namespace {

// Where the last word begins: behind the last blank, comma, pipe or bracket that stands in no
// quote.
size_t begin_of_word(std::string_view line) {
  size_t begin = 0;
  char quote = '\0';
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
      begin = i;
    } else if (std::string_view(" \t|;,(){}").find(c) != std::string_view::npos) {
      begin = i + 1;
    }
  }
  return begin;
}

// The command that the end of the line belongs to, without the unfinished word; a name of "" when
// there is none.
Command last_command(std::string_view before) {
  while (before.ends_with(' ') || before.ends_with(',')) before.remove_suffix(1);
  Command last;
  for (size_t at = 0; at < before.size();) {
    const auto statement = parse_statement(before, at);
    if (!statement) return {};
    const auto& commands = statement->pipeline.commands;
    last = commands.empty() ? Command{} : commands.back();
    at = statement->next;
  }
  return last;
}

bool is_command_place(std::string_view before) {
  while (before.ends_with(' ')) before.remove_suffix(1);
  return before.empty() || before.ends_with('|') || before.ends_with(';');
}

std::string quoted(const std::string& word) {
  if (word.find_first_of(" \\;,(){}'\"") == std::string::npos) return word;
  std::string text(1, '"');
  for (const char c : word) {
    if (c == '"' || c == '`' || c == '$') text += '`';
    text += c;
  }
  return text += '"';
}

std::vector<std::string> names_for(const CmdletSpec& cmdlet, const std::string& config_folder) {
  const Folder folder(config_folder);
  std::vector<std::string> names;
  if (cmdlet.name.ends_with("-SendConnector")) {
    for (const auto& table : tables_of(folder, "send_connector")) {
      names.push_back(text_under(table, "name"));
    }
  } else if (cmdlet.name.ends_with("-AcceptedDomain")) {
    for (const auto& table : tables_of(folder, "accepted_domain")) {
      names.push_back(text_under(table, "name"));
    }
  } else {
    for (const auto& connector : folder.model().receive_connectors) {
      names.push_back(connector.name);
    }
  }
  return names;
}

// The parameter whose value is being typed: the one in front, or the first by position.
const ParameterSpec* parameter_in_front(const CmdletSpec& cmdlet, const Command& command,
                                        bool is_list) {
  const size_t size = command.elements.size();
  const size_t values = is_list ? 2 : 1;  // behind a comma stands a value of the same parameter
  if (size >= values && !command.elements[size - values].parameter.empty()) {
    const auto parameter = find_parameter(cmdlet, command.elements[size - values].parameter);
    if (parameter && !(*parameter)->is_switch) return *parameter;
  }
  const auto first = std::ranges::find(cmdlet.parameters, 0, &ParameterSpec::position);
  const bool is_free = size == 0 || (is_list && size == 1);
  return first != cmdlet.parameters.end() && is_free ? &*first : nullptr;
}

std::vector<std::string> values_for(const CmdletSpec& cmdlet, const ParameterSpec& parameter,
                                    const std::string& config_folder) {
  if (!parameter.values.empty()) return parameter.values;
  const bool names_one = parameter.name == "Identity" && cmdlet.run != nullptr;
  if (names_one) return names_for(cmdlet, config_folder);
  if (parameter.name != "Name" && parameter.name != "Property") return {};
  std::vector<std::string> words;
  if (cmdlet.name == "Get-Help" || cmdlet.name == "Get-Command") {
    for (const CmdletSpec& known : all_cmdlets()) words.push_back(known.name);
  } else if (parameter.name == "Property") {
    // The properties of what is looked at most.
    const auto find = find_cmdlet("Set-ReceiveConnector");
    for (const ParameterSpec& known : find->parameters) {
      if (known.support != Support::kIgnored) words.push_back(known.name);
    }
  }
  return words;
}

}  // namespace

Completion complete(std::string_view line, const std::string& config_folder) {
  Completion completion;
  completion.begin = begin_of_word(line);
  const std::string_view before = line.substr(0, completion.begin);
  std::string_view word = line.substr(completion.begin);
  const auto offer = [&](const std::string& candidate, std::string text) {
    if (policy::begins_ignoring_case(candidate, word))
      completion.candidates.push_back(std::move(text));
  };
  if (is_command_place(before)) {
    for (const CmdletSpec& cmdlet : all_cmdlets()) offer(cmdlet.name, cmdlet.name);
    return completion;
  }
  const Command command = last_command(before);
  const CmdletSpec* cmdlet = find_cmdlet(command.name);
  if (cmdlet == nullptr) return completion;
  if (word.starts_with('-')) {
    word.remove_prefix(1);
    for (const ParameterSpec& parameter : cmdlet->parameters) {
      std::string text(1, '-');
      offer(parameter.name, text += parameter.name);
    }
    return completion;
  }
  if (word.starts_with('"') || word.starts_with('\'')) word.remove_prefix(1);
  const bool is_list = before.ends_with(',');
  if (const auto* parameter = parameter_in_front(*cmdlet, command, is_list)) {
    for (const std::string& value : values_for(*cmdlet, *parameter, config_folder)) {
      offer(value, quoted(value));
    }
  }
  return completion;
}

}  // namespace relais::shell
