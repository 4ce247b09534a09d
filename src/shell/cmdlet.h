// What a cmdlet is: a name, its parameters, and what it does. Binding the words of a command to
// parameters stands here once: shortened names, switches, positions, and the nearest known name for
// an unknown one.
#pragma once

#include <expected>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shell/console.h"
#include "shell/syntax.h"

namespace relais::shell {

// What one of Exchange's parameters does here.
enum class Support : uint8_t {
  kFull,
  kKept,     // checked and kept; nothing acts on it yet
  kIgnored,  // accepted with a warning
};

struct ParameterSpec {
  std::string name;
  std::string doc = {};
  bool is_switch = false;
  int position = -1;                     // of a value without a name; -1: only by name
  std::vector<std::string> values = {};  // words that it takes, for completion
  Support support = Support::kFull;
  std::string key = {};  // of the configuration; empty: none
  bool is_required = false;
};

struct CmdletSpec;

// The arguments of one command, by parameter.
class Bound {
 public:
  using Entry = std::pair<const ParameterSpec*, Argument>;

  [[nodiscard]] const Argument* find(std::string_view parameter) const;
  // nullptr: not given, or a script block.
  [[nodiscard]] const Value* value(std::string_view parameter) const;
  [[nodiscard]] std::string text(std::string_view parameter) const;  // empty: not given
  [[nodiscard]] std::vector<std::string> texts(std::string_view parameter) const;
  // A switch, or a parameter with $true; not given is false.
  [[nodiscard]] bool flag(std::string_view parameter) const;
  [[nodiscard]] const std::vector<Entry>& all() const { return entries_; }
  void set(const ParameterSpec& parameter, Value value);

 private:
  friend std::expected<Bound, std::string> bind(const CmdletSpec& spec, const Command& command);
  std::vector<Entry> entries_;
};

// What goes from one command of a pipeline to the next: objects, or text that a formatter has made.
struct Flow {
  Objects objects;
  std::optional<std::string> text;
};

struct Session {
  Console& console;
  std::string folder;
  bool failed = false;  // any command so far
  bool wants_exit = false;
  bool has_said_that_no_server_runs = false;
  std::set<std::string> warned = {};  // what warn_once said in this pipeline
};

// One command at work.
struct Call {
  Session& session;
  const CmdletSpec& spec;
  Bound arguments;
  std::string line;  // as it was typed, for the audit log
  const Command* command = nullptr;
  Objects output = {};

  void fail(std::string_view what) const;
  void warn(std::string_view what) const;
  void warn_once(const std::string& what) const;  // not for every object of a pipeline
};

struct CmdletSpec {
  std::string name;
  std::vector<std::string> aliases = {};
  std::string synopsis;
  std::vector<ParameterSpec> parameters;
  // One of the two: run once, or once an object that the pipeline brings; or changes what flows.
  void (*run)(Call& call) = nullptr;
  void (*filter)(Call& call, Flow& flow) = nullptr;
  std::string input = {};  // the parameter that an object of the pipeline stands for; empty: none
  bool takes_anything = false;  // Where-Object: operators are its parameters
};

// A name in full, or the beginning of one alone. Unexpected: what to say.
[[nodiscard]] std::expected<const ParameterSpec*, std::string> find_parameter(
    const CmdletSpec& spec, std::string_view name);

// Unexpected: what to say.
[[nodiscard]] std::expected<Bound, std::string> bind(const CmdletSpec& spec,
                                                     const Command& command);

// Every cmdlet, by name.
[[nodiscard]] std::span<const CmdletSpec> all_cmdlets();
[[nodiscard]] const CmdletSpec* find_cmdlet(std::string_view name);
// What to say about a name that is none.
[[nodiscard]] std::string unknown_cmdlet(std::string_view name);

}  // namespace relais::shell
