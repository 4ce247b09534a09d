#include "shell/condition_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/nearest.h"
#include "config/values.h"
#include "policy/ascii.h"
#include "shell/parser.h"

namespace relais::shell {
namespace {

using policy::equal_ignoring_case;

constexpr int kDepthMax = 100;

struct NamedOperator {
  std::string_view name;
  Operator op;
};
constexpr NamedOperator kOperators[] = {
    {"eq", Operator::kEqual},
    {"ne", Operator::kNotEqual},
    {"gt", Operator::kGreater},
    {"ge", Operator::kGreaterOrEqual},
    {"lt", Operator::kLess},
    {"le", Operator::kLessOrEqual},
    {"like", Operator::kLike},
    {"notlike", Operator::kNotLike},
    {"match", Operator::kMatch},
    {"notmatch", Operator::kNotMatch},
    {"contains", Operator::kContains},
    {"notcontains", Operator::kNotContains},
    {"in", Operator::kIn},
    {"notin", Operator::kNotIn},
    {"and", Operator::kAnd},
    {"or", Operator::kOr},
    {"xor", Operator::kXor},
    {"not", Operator::kNot},
};

bool is_logical(Operator op) {
  return op == Operator::kAnd || op == Operator::kOr || op == Operator::kXor;
}

ExpressionPtr make(Expression expression) {
  return std::make_shared<const Expression>(std::move(expression));
}

class ConditionParser {
 public:
  explicit ConditionParser(Scanner& scan) : scan_(scan) {}

  // -and, -or and -xor bind alike, from left to right, as in PowerShell.
  Parsed<ExpressionPtr> logical() {
    if (++depth_ > kDepthMax) return wrong(scan_.at(), "too many parentheses in each other");
    auto left = comparison();
    while (left) {
      const auto op = take_operator([](Operator o) { return is_logical(o); });
      if (!op) return std::unexpected(op.error());
      if (!*op) break;
      auto right = comparison();
      if (!right) return right;
      left = make({Operation{**op, std::move(*left), std::move(*right)}});
    }
    --depth_;
    return left;
  }

 private:
  Parsed<ExpressionPtr> comparison() {
    auto left = unary();
    while (left) {
      const auto op =
          take_operator([](Operator o) { return !is_logical(o) && o != Operator::kNot; });
      if (!op) return std::unexpected(op.error());
      if (!*op) break;
      auto right = unary();
      if (!right) return right;
      left = make({Operation{**op, std::move(*left), std::move(*right)}});
    }
    return left;
  }

  Parsed<ExpressionPtr> unary() {
    scan_.skip_space();
    bool negated = scan_.take('!');
    if (!negated) {
      const auto op = take_operator([](Operator o) { return o == Operator::kNot; });
      if (!op) return std::unexpected(op.error());
      negated = op->has_value();
    }
    if (!negated) return operand();
    if (++depth_ > kDepthMax) return wrong(scan_.at(), "too many -not in a row");
    auto inner = unary();
    --depth_;
    if (!inner) return inner;
    return make({Operation{Operator::kNot, std::move(*inner), nullptr}});
  }

  // The operator that stands here if `wanted` takes it; nullopt and nothing moved when another one
  // or none does.
  template <class Wanted>
  Parsed<std::optional<Operator>> take_operator(Wanted wanted) {
    scan_.skip_space();
    const size_t dash = scan_.parameter_dash();
    if (dash == 0) return std::nullopt;
    const Scanner before = scan_;
    scan_.skip(dash);
    const std::string name = scan_.identifier();
    const auto op = operator_from_name(name);
    if (!op) {
      std::vector<std::string_view> names;
      for (const auto& known : kOperators) names.push_back(known.name);
      const std::string_view near = config::nearest(name, names);
      return wrong(before.at(), fmt::format("-{} is no operator{}", name,
                                            near.empty() ? "" : fmt::format("; is it -{}?", near)));
    }
    if (wanted(*op)) return op;
    scan_ = before;
    return std::nullopt;
  }

  // One operand, or several with commas between them.
  Parsed<ExpressionPtr> operand() {
    const size_t start = scan_.at();
    auto first = single();
    if (!first) return first;
    List list;
    while (true) {
      scan_.skip_blanks();
      if (!scan_.take(',')) break;
      if (list.empty()) {
        const auto* value = std::get_if<Value>(&(*first)->node);
        if (value == nullptr) return wrong(start, "a list may hold only constant values");
        list.push_back(*value);
      }
      scan_.skip_space();
      const size_t at = scan_.at();
      auto next = single();
      if (!next) return next;
      const auto* value = std::get_if<Value>(&(*next)->node);
      if (value == nullptr) return wrong(at, "a list may hold only constant values");
      list.push_back(*value);
    }
    if (list.empty()) return first;
    return make({Value(std::move(list))});
  }

  Parsed<ExpressionPtr> single() {
    const size_t start = scan_.at();
    if (scan_.at_end()) return unfinished(start, "a value is missing");
    if (scan_.peek() == '(' || (scan_.peek() == '@' && scan_.peek(1) == '(')) {
      const bool is_list = scan_.take('@');
      scan_.skip();
      return parenthesised(start, is_list);
    }
    if (scan_.peek() == '$') return variable();
    if (scan_.quote() != '\0') {
      auto text = scan_.quoted();
      if (!text) return std::unexpected(text.error());
      return make({Value(std::move(*text))});
    }
    return number();
  }

  Parsed<ExpressionPtr> parenthesised(size_t start, bool is_list) {
    scan_.skip_space();
    if (is_list && scan_.take(')')) return make({Value(List{})});
    auto inner = logical();
    if (!inner) return inner;
    scan_.skip_space();
    if (scan_.at_end()) return unfinished(start, "the ( is not closed");
    if (!scan_.take(')')) {
      return wrong(scan_.at(),
                   fmt::format("an operator or ) was expected, not '{}'", scan_.peek()));
    }
    if (!is_list) return inner;
    const auto* value = std::get_if<Value>(&(*inner)->node);
    if (value == nullptr) return wrong(start, "a list may hold only constant values");
    return make({Value(to_list(*value))});
  }

  Parsed<ExpressionPtr> variable() {
    const Scanner before = scan_;
    scan_.skip();
    const std::string name = scan_.identifier();
    if (name != "_" && !equal_ignoring_case(name, "PSItem")) {
      scan_ = before;
      auto constant = parse_constant(scan_);
      if (!constant) return std::unexpected(constant.error());
      return make({std::move(*constant)});
    }
    Property property;
    while (scan_.peek() == '.') {
      scan_.skip();
      std::string part = scan_.identifier();
      if (part.empty()) return wrong(scan_.at(), "the name of a property is missing");
      property.names.push_back(std::move(part));
    }
    return make({std::move(property)});
  }

  // 5, -1, 10MB
  Parsed<ExpressionPtr> number() {
    const size_t start = scan_.at();
    const bool negative = scan_.take('-');
    const std::string digits = scan_.identifier();
    const auto size = config::parse_size(digits);
    if (!size || *size > INT64_MAX) {
      return wrong(start, digits.empty()
                              ? fmt::format("a value was expected, not '{}'", scan_.peek())
                              : fmt::format("'{}': write a text in quotes, and a property as $_.{}",
                                            digits, digits));
    }
    const auto number = static_cast<int64_t>(*size);
    return make({Value(negative ? -number : number)});
  }

  Scanner& scan_;
  int depth_ = 0;
};

}  // namespace

std::optional<Operator> operator_from_name(std::string_view name) {
  for (const auto& known : kOperators) {
    if (equal_ignoring_case(name, known.name)) return known.op;
  }
  // -ieq and -ceq; case never matters here.
  if (name.size() > 2 && std::string_view("icIC").find(name[0]) != std::string_view::npos) {
    for (const auto& known : kOperators) {
      if (!is_logical(known.op) && known.op != Operator::kNot &&
          equal_ignoring_case(name.substr(1), known.name)) {
        return known.op;
      }
    }
  }
  return std::nullopt;
}

Parsed<ExpressionPtr> parse_condition(Scanner& scan) { return ConditionParser(scan).logical(); }

Parsed<Value> parse_constant(Scanner& scan) {
  const size_t start = scan.at();
  scan.skip();
  const std::string name = scan.identifier();
  if (equal_ignoring_case(name, "true")) return Value(true);
  if (equal_ignoring_case(name, "false")) return Value(false);
  if (equal_ignoring_case(name, "null")) return Value();
  if (name == "_" || equal_ignoring_case(name, "PSItem")) {
    return wrong(start,
                 fmt::format("${} has a meaning only between the braces of Where-Object", name));
  }
  return wrong(start, fmt::format("${}: there are no variables here but $true, $false, $null, and "
                                  "$_ in Where-Object",
                                  name));
}

}  // namespace relais::shell
