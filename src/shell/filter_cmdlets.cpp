// What stands behind a pipe: Format-List, Format-Table, Select-Object, Where-Object, Sort-Object,
// Measure-Object, ConvertTo-Json, Out-String.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "policy/ascii.h"
#include "shell/cmdlets.h"
#include "shell/condition.h"
#include "shell/format.h"
#include "shell/parser.h"

namespace relais::shell {
namespace {

void format_as_list(Call& call, Flow& flow) {
  flow.text = format_list(select_properties(flow.objects, call.arguments.texts("Property")));
}

void format_as_table(Call& call, Flow& flow) {
  const auto patterns = call.arguments.texts("Property");
  const bool has_view = patterns.empty() && !flow.objects.empty() &&
                        flow.objects.front().kind != Kind::kPlain &&
                        flow.objects.front().kind != Kind::kList;
  flow.text = has_view ? format_default(flow.objects)
                       : format_table(select_properties(flow.objects, patterns));
  if (!call.arguments.flag("HideTableHeaders") || flow.text->empty()) return;
  // The empty line, the header and the dashes.
  for (int line = 0; line < 3; ++line) flow.text->erase(0, flow.text->find('\n') + 1);
}

// nullopt after a report.
std::optional<size_t> count_of(const Call& call, std::string_view parameter) {
  const std::string text = call.arguments.text(parameter);
  size_t count = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code == std::errc() && end == text.data() + text.size()) return count;
  call.fail(fmt::format("-{} {}: no whole number", parameter, text));
  return std::nullopt;
}

void expand(const Call& call, Flow& flow) {
  const std::string property = call.arguments.text("ExpandProperty");
  Objects values;
  for (const Object& object : flow.objects) {
    const Value* value = object.find(property);
    if (value == nullptr) {
      call.fail(fmt::format("there is no property {}", property));
      continue;
    }
    for (Value& element : to_list(*value)) {
      Object& scalar = values.emplace_back();
      scalar.kind = Kind::kScalar;
      scalar.add(property, std::move(element));
    }
  }
  flow.objects = std::move(values);
}

void select(Call& call, Flow& flow) {
  Objects& objects = flow.objects;
  if (call.arguments.find("First") != nullptr) {
    const auto count = count_of(call, "First");
    if (!count) return objects.clear();
    objects.resize(std::min(objects.size(), *count));
  }
  if (call.arguments.find("Last") != nullptr) {
    const auto count = count_of(call, "Last");
    if (!count) return objects.clear();
    objects.erase(objects.begin(),
                  objects.end() - static_cast<ptrdiff_t>(std::min(objects.size(), *count)));
  }
  if (call.arguments.find("ExpandProperty") != nullptr) return expand(call, flow);
  const auto patterns = call.arguments.texts("Property");
  if (!patterns.empty()) objects = select_properties(objects, patterns);
}

// where { ... }, or where Enabled -eq $true, or where Enabled, or where -not Enabled: operators are
// parameters then. Unexpected: what to say.
std::expected<ExpressionPtr, std::string> condition_of(const Command& command) {
  constexpr std::string_view kUsage = "write Where-Object {$_.Property -eq 'value'}";
  if (command.elements.empty()) return std::unexpected(std::string(kUsage));
  const Element* first = &command.elements.front();
  const bool is_named = policy::equal_ignoring_case(first->parameter, "FilterScript");
  if (is_named && first->argument.empty() && command.elements.size() > 1) {
    first = &command.elements[1];
  }
  if (!first->argument.empty()) {
    if (const auto* block = std::get_if<ScriptBlock>(&first->argument.front().value)) {
      if (command.elements.size() > (is_named ? 2U : 1U)) {
        return std::unexpected(std::string("nothing can stand behind the braces"));
      }
      return block->condition;
    }
  }
  ExpressionPtr left;
  ExpressionPtr right;
  std::optional<Operator> op;
  for (const Element& element : command.elements) {
    if (!element.parameter.empty()) {
      const auto known = operator_from_name(element.parameter);
      if (!known || op || !element.argument.empty()) {
        return std::unexpected(fmt::format("-{}: {}", element.parameter, kUsage));
      }
      op = known;
      continue;
    }
    const auto* value = std::get_if<Value>(&element.argument.front().value);
    if (value == nullptr || right) return std::unexpected(std::string(kUsage));
    if (!left) {
      left = std::make_shared<Expression>(Expression{Property{{to_text(*value)}}});
    } else {
      right = std::make_shared<Expression>(Expression{*value});
    }
  }
  const bool is_unary = !op || *op == Operator::kNot;
  if (!left || (right != nullptr) == is_unary) return std::unexpected(std::string(kUsage));
  if (!op) return left;
  return std::make_shared<const Expression>(Expression{Operation{*op, left, right}});
}

void where(Call& call, Flow& flow) {
  const auto condition = condition_of(*call.command);
  if (!condition) {
    flow.objects.clear();
    return call.fail(condition.error());
  }
  Objects kept;
  for (Object& object : flow.objects) {
    const auto satisfied = satisfies(object, **condition);
    if (!satisfied) {
      flow.objects.clear();
      return call.fail(satisfied.error());
    }
    if (*satisfied) kept.push_back(std::move(object));
  }
  flow.objects = std::move(kept);
}

// -1 also where the two cannot be compared and their texts are in order.
bool is_before(const Object& a, const Object& b, const std::vector<std::string>& properties) {
  for (const std::string& property : properties) {
    const Value* left = a.find(property);
    const Value* right = b.find(property);
    const Value empty;
    if (left == nullptr) left = &empty;
    if (right == nullptr) right = &empty;
    const auto order =
        left->is_null() || right->is_null()
            ? static_cast<int>(!left->is_null()) - static_cast<int>(!right->is_null())
            : compare(*left, *right).value_or(to_text(*left) < to_text(*right) ? -1 : 1);
    if (order != 0) return order < 0;
  }
  return false;
}

void sort(Call& call, Flow& flow) {
  auto properties = call.arguments.texts("Property");
  if (properties.empty()) properties = {"Identity", "Name"};
  std::ranges::stable_sort(flow.objects, [&](const Object& a, const Object& b) {
    return call.arguments.flag("Descending") ? is_before(b, a, properties)
                                             : is_before(a, b, properties);
  });
}

void measure(Call&, Flow& flow) {
  Object count;
  count.kind = Kind::kList;
  count.add("Count", static_cast<int64_t>(flow.objects.size()));
  flow.objects = {std::move(count)};
}

void to_json_text(Call& call, Flow& flow) {
  flow.text = format_json(flow.objects, call.arguments.flag("Compress"));
}

void pass_on(Call&, Flow& flow) {
  if (!flow.text) flow.text = format_default(flow.objects);
}

void drop(Call&, Flow& flow) { flow.text = std::string(); }

ParameterSpec properties(std::string doc) {
  return {.name = "Property", .doc = std::move(doc), .position = 0};
}

}  // namespace

std::vector<CmdletSpec> filter_cmdlets() {
  return {
      {.name = "Format-List",
       .aliases = {"fl"},
       .synopsis = "Shows objects with a line a property.",
       .parameters = {properties("The properties to show; * and ? are wildcards.")},
       .filter = format_as_list},
      {.name = "Format-Table",
       .aliases = {"ft"},
       .synopsis = "Shows objects with a row an object.",
       .parameters = {properties("The properties to show; * and ? are wildcards."),
                      {.name = "AutoSize",
                       .doc = "Columns are as wide as what is in them, with or without this.",
                       .is_switch = true},
                      {.name = "Wrap",
                       .doc = "Nothing is cut, with or without this.",
                       .is_switch = true},
                      {.name = "HideTableHeaders", .doc = "Rows only.", .is_switch = true}},
       .filter = format_as_table},
      {.name = "Select-Object",
       .aliases = {"select"},
       .synopsis = "Takes some properties of objects, or some objects.",
       .parameters = {properties("The properties to keep; * and ? are wildcards."),
                      {.name = "First", .doc = "So many objects from the beginning."},
                      {.name = "Last", .doc = "So many objects from the end."},
                      {.name = "ExpandProperty",
                       .doc = "The values of this property alone, one a line."}},
       .filter = select},
      {.name = "Where-Object",
       .aliases = {"where", "?"},
       .synopsis = "Keeps the objects that satisfy a condition: where {$_.Enabled -eq $false}.",
       .parameters = {{.name = "FilterScript", .doc = "The condition, in braces.", .position = 0}},
       .filter = where,
       .takes_anything = true},
      {.name = "Sort-Object",
       .aliases = {"sort"},
       .synopsis = "Sorts objects.",
       .parameters = {properties("What to sort by."),
                      {.name = "Descending", .doc = "The other way round.", .is_switch = true}},
       .filter = sort},
      {.name = "Measure-Object",
       .aliases = {"measure"},
       .synopsis = "Counts objects.",
       .parameters = {},
       .filter = measure},
      {.name = "ConvertTo-Json",
       .synopsis = "Shows objects as JSON.",
       .parameters = {{.name = "Compress",
                       .doc = "Without line ends and blanks.",
                       .is_switch = true},
                      {.name = "Depth", .doc = "Accepted: nothing here is deeper than two."}},
       .filter = to_json_text},
      {.name = "Out-String",
       .aliases = {"Out-Host", "Out-Default"},
       .synopsis = "Shows objects as they are shown anyway.",
       .parameters = {{.name = "Width", .doc = "Accepted: nothing here is cut to a width."}},
       .filter = pass_on},
      {.name = "Out-Null", .synopsis = "Shows nothing.", .parameters = {}, .filter = drop},
  };
}

}  // namespace relais::shell
