#include "shell/cmdlet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/nearest.h"
#include "policy/ascii.h"

namespace relais::shell {
namespace {

using policy::equal_ignoring_case;

std::string show_argument(const Argument& argument) {
  const auto* value = std::get_if<Value>(&argument.value);
  return value == nullptr ? std::string("{...}") : fmt::format("'{}'", to_text(*value));
}

}  // namespace

const Argument* Bound::find(std::string_view parameter) const {
  const auto found = std::ranges::find_if(
      entries_, [&](const Entry& entry) { return entry.first->name == parameter; });
  return found == entries_.end() ? nullptr : &found->second;
}

const Value* Bound::value(std::string_view parameter) const {
  const Argument* argument = find(parameter);
  return argument == nullptr ? nullptr : std::get_if<Value>(&argument->value);
}

std::string Bound::text(std::string_view parameter) const {
  const Value* found = value(parameter);
  return found == nullptr ? std::string() : to_text(*found);
}

std::vector<std::string> Bound::texts(std::string_view parameter) const {
  std::vector<std::string> all;
  if (const Value* found = value(parameter)) {
    for (const Value& element : to_list(*found)) all.push_back(to_text(element));
  }
  return all;
}

bool Bound::flag(std::string_view parameter) const {
  const Value* found = value(parameter);
  return found != nullptr && is_true(*found);
}

void Bound::set(const ParameterSpec& parameter, Value value) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.first == &parameter; });
  entries_.emplace_back(&parameter, Argument{0, std::move(value)});
}

void Call::fail(std::string_view what) const {
  session.failed = true;
  session.console.say(without_controls(fmt::format("{} : {}\n", spec.name, what)));
}

void Call::warn(std::string_view what) const {
  session.console.say(without_controls(fmt::format("WARNING: {}\n", what)));
}

void Call::warn_once(const std::string& what) const {
  if (session.warned.insert(what).second) warn(what);
}

std::expected<const ParameterSpec*, std::string> find_parameter(const CmdletSpec& spec,
                                                                std::string_view name) {
  std::vector<const ParameterSpec*> candidates;
  std::vector<std::string_view> names;
  for (const ParameterSpec& parameter : spec.parameters) {
    if (equal_ignoring_case(parameter.name, name)) return &parameter;
    if (policy::begins_ignoring_case(parameter.name, name)) candidates.push_back(&parameter);
    names.push_back(parameter.name);
  }
  if (candidates.size() == 1) return candidates.front();
  if (candidates.empty()) {
    const std::string_view near = config::nearest(name, names);
    if (!near.empty()) {
      return std::unexpected(
          fmt::format("there is no parameter -{}. Did you mean -{}?", name, near));
    }
    return std::unexpected(
        fmt::format("there is no parameter -{}. `Get-Help {}` lists them.", name, spec.name));
  }
  std::string list;
  for (const ParameterSpec* candidate : candidates) {
    list += list.empty() ? "-" : ", -";
    list += candidate->name;
  }
  return std::unexpected(fmt::format("-{} is ambiguous: {}", name, list));
}

std::expected<Bound, std::string> bind(const CmdletSpec& spec, const Command& command) {
  Bound bound;
  std::vector<const Argument*> positional;
  for (size_t i = 0; i < command.elements.size(); ++i) {
    const Element& element = command.elements[i];
    if (element.parameter.empty()) {
      positional.push_back(&element.argument.front());
      continue;
    }
    const auto parameter = find_parameter(spec, element.parameter);
    if (!parameter) return std::unexpected(parameter.error());
    const ParameterSpec& known = **parameter;
    if (bound.find(known.name) != nullptr) {
      return std::unexpected(fmt::format("-{} is given twice", known.name));
    }
    const bool next_is_value =
        i + 1 < command.elements.size() && command.elements[i + 1].parameter.empty();
    if (!element.argument.empty()) {
      bound.entries_.emplace_back(&known, element.argument.front());
    } else if (known.is_switch) {
      bound.entries_.emplace_back(&known, Argument{element.at, Value(true)});
    } else if (next_is_value) {
      bound.entries_.emplace_back(&known, command.elements[++i].argument.front());
    } else {
      return std::unexpected(fmt::format("-{} needs a value", known.name));
    }
  }
  for (int position = 0; !positional.empty(); ++position) {
    const auto found = std::ranges::find(spec.parameters, position, &ParameterSpec::position);
    if (found == spec.parameters.end()) {
      return std::unexpected(
          fmt::format("{} is one value too many: a value with blanks needs quotes around it, and "
                      "values of a list commas between them",
                      show_argument(*positional.front())));
    }
    if (bound.find(found->name) != nullptr) continue;
    bound.entries_.emplace_back(&*found, *positional.front());
    positional.erase(positional.begin());
  }
  return bound;
}

const CmdletSpec* find_cmdlet(std::string_view name) {
  for (const CmdletSpec& cmdlet : all_cmdlets()) {
    if (equal_ignoring_case(cmdlet.name, name)) return &cmdlet;
    for (const std::string& alias : cmdlet.aliases) {
      if (equal_ignoring_case(alias, name)) return &cmdlet;
    }
  }
  return nullptr;
}

std::string unknown_cmdlet(std::string_view name) {
  std::vector<std::string_view> names;
  for (const CmdletSpec& cmdlet : all_cmdlets()) names.push_back(cmdlet.name);
  const std::string_view near = config::nearest(name, names);
  if (!near.empty()) return fmt::format("there is no such command. Did you mean {}?", near);
  return "there is no such command. `Get-Command` lists them.";
}

}  // namespace relais::shell
