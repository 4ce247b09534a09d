#include "shell/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/ascii.h"
#include "shell/condition_parser.h"
#include "shell/console.h"
#include "shell/scanner.h"

namespace relais::shell {
namespace {

using policy::equal_ignoring_case;

constexpr int kDepthMax = 50;  // of lists in lists

class Parser {
 public:
  explicit Parser(Scanner& scanner) : scan_(scanner) {}

  Parsed<Pipeline> pipeline();

 private:
  [[nodiscard]] bool at_statement_end() const {
    return scan_.at_end() || scan_.at_line_end() || scan_.peek() == ';';
  }
  [[nodiscard]] bool at_command_end() const { return at_statement_end() || scan_.peek() == '|'; }

  Parsed<Command> command();
  Parsed<Element> element();
  Parsed<Element> parameter(size_t dash);
  Parsed<Argument> argument();
  Parsed<Value> list();
  Parsed<Value> single();
  Parsed<Value> parenthesised(std::string_view what);
  Parsed<Value> pairs();

  Scanner& scan_;
  int depth_ = 0;
};

Parsed<Pipeline> Parser::pipeline() {
  Pipeline pipeline;
  scan_.skip_blanks();
  if (at_statement_end()) return pipeline;
  while (true) {
    auto next = command();
    if (!next) return std::unexpected(next.error());
    pipeline.commands.push_back(std::move(*next));
    if (!scan_.take('|')) return pipeline;
    scan_.skip_space();
    if (scan_.at_end()) return unfinished(scan_.at(), "a command is missing behind the pipe");
  }
}

Parsed<Command> Parser::command() {
  Command command;
  command.at = scan_.at();
  if (scan_.peek() == '$') {
    return wrong(scan_.at(), "there are no variables here: a line begins with a command");
  }
  if (scan_.quote() != '\0') return wrong(scan_.at(), "a line begins with a command, not a text");
  auto name = scan_.word();
  if (!name) return std::unexpected(name.error());
  if (name->empty()) {
    return wrong(scan_.at(), fmt::format("a command was expected, not '{}'", scan_.peek()));
  }
  command.name = std::move(*name);
  while (true) {
    scan_.skip_blanks();
    if (at_command_end()) return command;
    auto next = element();
    if (!next) return std::unexpected(next.error());
    command.elements.push_back(std::move(*next));
  }
}

Parsed<Element> Parser::element() {
  if (const size_t dash = scan_.parameter_dash(); dash > 0) return parameter(dash);
  Element element;
  element.at = scan_.at();
  auto value = argument();
  if (!value) return std::unexpected(value.error());
  element.argument.push_back(std::move(*value));
  return element;
}

Parsed<Element> Parser::parameter(size_t dash) {
  Element element;
  element.at = scan_.at();
  scan_.skip(dash);
  element.parameter = scan_.identifier();
  if (scan_.take(':')) {
    scan_.skip_blanks();
    if (at_command_end()) {
      return wrong(scan_.at(), fmt::format("-{}: has no value", element.parameter));
    }
    auto value = argument();
    if (!value) return std::unexpected(value.error());
    element.argument.push_back(std::move(*value));
  } else if (!is_delimiter(scan_.peek())) {
    return wrong(scan_.at(),
                 fmt::format("'{}' cannot stand in the name of a parameter", scan_.peek()));
  }
  return element;
}

Parsed<Argument> Parser::argument() {
  Argument argument;
  argument.at = scan_.at();
  if (scan_.take('{')) {
    auto condition = parse_condition(scan_);
    if (!condition) return std::unexpected(condition.error());
    scan_.skip_space();
    if (scan_.at_end()) return unfinished(argument.at, "the { is not closed");
    if (!scan_.take('}')) {
      return wrong(scan_.at(),
                   fmt::format("an operator or }} was expected, not '{}'", scan_.peek()));
    }
    argument.value = ScriptBlock{std::move(*condition)};
    return argument;
  }
  auto value = list();
  if (!value) return std::unexpected(value.error());
  argument.value = std::move(*value);
  return argument;
}

// a, b, c: one value, or a list of several.
Parsed<Value> Parser::list() {
  auto first = single();
  if (!first) return first;
  List list;
  while (true) {
    scan_.skip_blanks();
    if (!scan_.take(',')) break;
    if (list.empty()) list.push_back(std::move(*first));
    scan_.skip_space();
    if (scan_.at_end()) return unfinished(scan_.at(), "a value is missing behind the comma");
    auto next = single();
    if (!next) return next;
    list.push_back(std::move(*next));
  }
  if (list.empty()) return first;
  return Value(std::move(list));
}

Parsed<Value> Parser::single() {
  const size_t start = scan_.at();
  if (scan_.peek() == '@' && scan_.peek(1) == '(') {
    scan_.skip(2);
    return parenthesised("@(");
  }
  if (scan_.peek() == '@' && scan_.peek(1) == '{') {
    scan_.skip(2);
    return pairs();
  }
  if (scan_.take('(')) return parenthesised("(");
  if (scan_.peek() == '$') return parse_constant(scan_);
  if (std::string_view("<>&").find(scan_.peek()) != std::string_view::npos) {
    return wrong(start, fmt::format("'{}': there is no redirection here; redirect the program "
                                    "itself, as in: relais shell -c LINE > FILE",
                                    scan_.peek()));
  }
  if (is_delimiter(scan_.peek())) {
    return wrong(start, fmt::format("a value was expected, not '{}'", scan_.peek()));
  }
  auto word = scan_.word();
  if (!word) return std::unexpected(word.error());
  return Value(std::move(*word));
}

// Behind the opening parenthesis; always a list after @(.
Parsed<Value> Parser::parenthesised(std::string_view what) {
  const size_t start = scan_.at() - what.size();
  if (++depth_ > kDepthMax) return wrong(start, "too many lists in each other");
  scan_.skip_space();
  List values;
  if (scan_.peek() != ')') {
    if (scan_.at_end()) return unfinished(start, fmt::format("the {} is not closed", what));
    auto inner = list();
    if (!inner) return inner;
    if (what == "(") {
      values = {std::move(*inner)};
    } else {
      values = to_list(*inner);
    }
  }
  scan_.skip_space();
  if (scan_.at_end()) return unfinished(start, fmt::format("the {} is not closed", what));
  if (!scan_.take(')')) {
    return wrong(scan_.at(), "a ) was expected: commands cannot stand in parentheses here");
  }
  --depth_;
  if (what == "(" && values.size() == 1) return std::move(values.front());
  return Value(std::move(values));
}

// Behind @{
Parsed<Value> Parser::pairs() {
  const size_t start = scan_.at() - 2;
  if (++depth_ > kDepthMax) return wrong(start, "too many lists in each other");
  Pairs pairs;
  while (true) {
    scan_.skip_space();
    while (scan_.take(';')) scan_.skip_space();
    if (scan_.take('}')) break;
    if (scan_.at_end()) return unfinished(start, "the @{ is not closed");
    const size_t name_at = scan_.at();
    auto name = scan_.quote() != '\0' ? scan_.quoted() : Parsed<std::string>(scan_.identifier());
    if (!name) return std::unexpected(name.error());
    scan_.skip_blanks();
    if (name->empty() || !scan_.take('=')) {
      return wrong(name_at, "write @{Add='...'; Remove='...'}");
    }
    scan_.skip_space();
    if (scan_.at_end()) return unfinished(start, "the @{ is not closed");
    auto value = list();
    if (!value) return value;
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  --depth_;
  return Value(std::move(pairs));
}

}  // namespace

std::expected<Statement, SyntaxError> parse_statement(std::string_view text, size_t from) {
  Scanner scan(text, from);
  scan.skip_space();
  while (scan.take(';')) scan.skip_space();
  Statement statement;
  statement.begin = scan.at();
  auto pipeline = Parser(scan).pipeline();
  if (!pipeline) return std::unexpected(pipeline.error());
  // What looks like a delimiter and is none of ours.
  if (!scan.at_end() && !scan.at_line_end() && scan.peek() != ';') {
    return wrong(scan.at(), fmt::format("'{}' cannot stand here", scan.peek()));
  }
  statement.pipeline = std::move(*pipeline);
  statement.end = scan.at();
  if (!scan.at_end()) scan.skip();
  statement.next = scan.at();
  return statement;
}

std::string show(const SyntaxError& error, std::string_view text) {
  const size_t at = std::min(error.at, text.size());
  const size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;  // npos + 1 is 0
  const size_t end = std::min(text.find('\n', at), text.size());
  std::string line(text.substr(begin, end - begin));
  // A caret stands under its character only when each one is as wide as another.
  std::ranges::replace_if(
      line, [](char c) { return (c >= 0 && c < ' ') || c == 127; }, ' ');
  const auto is_continued = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; };
  const auto before = std::string_view(line).substr(0, at - begin);
  const size_t column =
      before.size() - static_cast<size_t>(std::ranges::count_if(before, is_continued));
  return fmt::format("{}\n{:>{}}\ncolumn {}: {}\n", line, '^', column + 1, column + 1,
                     without_controls(error.what));
}

}  // namespace relais::shell
