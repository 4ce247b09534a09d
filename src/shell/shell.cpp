#include "shell/shell.h"

#include <fmt/format.h>

#include <exception>

#include "shell/format.h"
#include "shell/parser.h"

namespace relais::shell {
namespace {

// What an object of the pipeline brings beside its identity: Get-ADPermission |
// Remove-ADPermission.
void take_properties(Call& call, const Object& object) {
  if (object.kind != Kind::kPermission) return;
  for (const ParameterSpec& parameter : call.spec.parameters) {
    const bool known =
        parameter.name == "User" || parameter.name == "ExtendedRights" || parameter.name == "Deny";
    const Value* value = object.find(parameter.name);
    if (known && value != nullptr && call.arguments.find(parameter.name) == nullptr) {
      call.arguments.set(parameter, *value);
    }
  }
}

// The value that an object stands for; nullptr: it stands for nothing.
const Value* identity_of(const Object& object) {
  if (object.kind == Kind::kScalar && !object.properties.empty()) {
    return &object.properties.front().second;
  }
  const Value* identity = object.find("Identity");
  return identity != nullptr ? identity : object.find("Name");
}

const ParameterSpec* missing(const Call& call) {
  for (const ParameterSpec& parameter : call.spec.parameters) {
    if (parameter.is_required && call.arguments.find(parameter.name) == nullptr) return &parameter;
  }
  return nullptr;
}

void run_once(Call& call) {
  if (const ParameterSpec* parameter = missing(call)) {
    return call.fail(fmt::format("-{} is missing. {}", parameter->name, parameter->doc));
  }
  call.spec.run(call);
}

// Once for each object that the pipeline brings.
void run_for_objects(Call& call, const Flow& flow) {
  const auto parameter = find_parameter(call.spec, call.spec.input);
  const Bound given = call.arguments;
  for (const Object& object : flow.objects) {
    call.arguments = given;
    const Value* identity = identity_of(object);
    if (identity == nullptr) {
      call.fail("what the pipeline brings has neither Identity nor Name");
      continue;
    }
    call.arguments.set(**parameter, *identity);
    take_properties(call, object);
    run_once(call);
  }
}

}  // namespace

Shell::Shell(std::string config_folder, Console& console)
    : session_{.console = console, .folder = std::move(config_folder)} {}

void Shell::run(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && !session_.wants_exit) {
    const auto statement = parse_statement(text, at);
    if (!statement) {
      session_.failed = true;
      session_.console.say(show(statement.error(), text));
      // On with the next line; what stands behind the mistake in this one cannot be trusted.
      const size_t end = text.find('\n', std::max(at, statement.error().at));
      if (statement.error().incomplete || end == std::string_view::npos) return;
      at = end + 1;
      continue;
    }
    run_pipeline(statement->pipeline,
                 text.substr(statement->begin, statement->end - statement->begin));
    at = statement->next;
  }
}

bool Shell::is_incomplete(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto statement = parse_statement(text, at);
    if (!statement) return statement.error().incomplete;
    at = statement->next;
  }
  // A backtick at the end of a line: the next one belongs to it.
  const size_t last = text.find_last_not_of("\r\n");
  return last != std::string_view::npos && text[last] == '`';
}

void Shell::run_pipeline(const Pipeline& pipeline, std::string_view line) {
  session_.warned.clear();
  Flow flow;
  bool is_first = true;
  try {
    for (const Command& command : pipeline.commands) {
      if (!run_command(command, flow, is_first, line)) return;
      is_first = false;
    }
    if (!is_first) session_.console.print(flow.text ? *flow.text : format_default(flow.objects));
  } catch (const std::exception& error) {
    // Out of memory, or a file system that does what none should.
    session_.failed = true;
    session_.console.say(
        without_controls(fmt::format("{} : {}\n", pipeline.commands.front().name, error.what())));
  }
}

// False: nothing can go on behind it.
bool Shell::run_command(const Command& command, Flow& flow, bool is_first, std::string_view line) {
  const auto refuse = [&](std::string_view what) {
    session_.failed = true;
    session_.console.say(without_controls(fmt::format("{} : {}\n", command.name, what)));
    return false;
  };
  const CmdletSpec* cmdlet = find_cmdlet(command.name);
  if (cmdlet == nullptr) return refuse(unknown_cmdlet(command.name));
  if (flow.text && cmdlet->name != "Out-String" && cmdlet->name != "Out-Null") {
    return refuse("nothing can follow in the pipeline behind a command that makes text");
  }
  if (is_first && cmdlet->filter != nullptr) return refuse("there is nothing in front of it");
  Call call{session_, *cmdlet, {}, std::string(line), &command};
  if (!cmdlet->takes_anything) {
    auto bound = bind(*cmdlet, command);
    if (!bound) return refuse(bound.error());
    call.arguments = std::move(*bound);
  }
  if (cmdlet->filter != nullptr) {
    cmdlet->filter(call, flow);
    return true;
  }
  if (is_first) {
    run_once(call);
  } else if (cmdlet->input.empty()) {
    return refuse("it takes nothing from a pipeline");
  } else {
    run_for_objects(call, flow);
  }
  flow.objects = std::move(call.output);
  return true;
}

}  // namespace relais::shell
