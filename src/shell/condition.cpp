#include "shell/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "policy/ascii.h"

namespace relais::shell {
namespace {

template <class T>
using Outcome = std::expected<T, std::string>;

// std::regex recurses once a character.
constexpr size_t kMatchedMax = 1024;  // and the time may grow with the square

Value property_of(const Object& object, const Property& property) {
  if (property.names.empty()) return Value(object.properties);
  const Value* found = object.find(property.names.front());
  if (found == nullptr) return {};
  Value value = *found;
  for (size_t i = 1; i < property.names.size(); ++i) {
    const std::string& name = property.names[i];
    const bool is_count = policy::equal_ignoring_case(name, "Count");
    if (is_count || policy::equal_ignoring_case(name, "Length")) {
      const auto* text = value.as<std::string>();
      const size_t count = text != nullptr && !is_count ? text->size() : to_list(value).size();
      value = Value(static_cast<int64_t>(count));
    } else {
      value = {};
    }
  }
  return value;
}

Outcome<bool> matches_regex(const Value& value, const Value& pattern) {
  try {
    const std::regex regex(to_text(pattern), std::regex::ECMAScript | std::regex::icase);
    return std::regex_search(to_text(value).substr(0, kMatchedMax), regex);
  } catch (const std::regex_error&) {
    return std::unexpected(
        fmt::format("'{}' is no regular expression; -like takes * and ?", to_text(pattern)));
  }
}

Outcome<bool> negated(Outcome<bool> outcome) {
  if (outcome) *outcome = !*outcome;
  return outcome;
}

bool equals(const Value& left, const Value& right) { return compare(left, right).value_or(1) == 0; }

bool contains(const Value& list, const Value& element) {
  return std::ranges::any_of(to_list(list), [&](const Value& v) { return equals(v, element); });
}

// Neither side is a list.
Outcome<bool> compare_one(Operator op, const Value& left, const Value& right) {
  const auto order = [&] { return compare(left, right); };
  switch (op) {
    case Operator::kEqual:
      return equals(left, right);
    case Operator::kNotEqual:
      return !equals(left, right);
    case Operator::kGreater:
      return order().value_or(0) > 0;
    case Operator::kGreaterOrEqual:
      return order().value_or(-1) >= 0;
    case Operator::kLess:
      return order().value_or(0) < 0;
    case Operator::kLessOrEqual:
      return order().value_or(1) <= 0;
    case Operator::kLike:
      return matches_wildcard(to_text(left), to_text(right));
    case Operator::kNotLike:
      return !matches_wildcard(to_text(left), to_text(right));
    case Operator::kMatch:
      return matches_regex(left, right);
    case Operator::kNotMatch:
      return negated(matches_regex(left, right));
    default:
      return false;
  }
}

Outcome<bool> compare_any(Operator op, const Value& left, const Value& right) {
  const auto* list = left.as<List>();
  if (list == nullptr) return compare_one(op, left, right);
  for (const Value& element : *list) {
    const auto one = compare_one(op, element, right);
    if (!one || *one) return one;
  }
  return false;
}

Outcome<Value> evaluate(const Object& object, const Expression& expression);

Outcome<bool> evaluate_truth(const Object& object, const Expression& expression) {
  const auto value = evaluate(object, expression);
  if (!value) return std::unexpected(value.error());
  return is_true(*value);
}

Outcome<bool> apply(const Object& object, const Operation& operation) {
  const Operator op = operation.op;
  if (op == Operator::kNot || op == Operator::kAnd || op == Operator::kOr || op == Operator::kXor) {
    const auto left = evaluate_truth(object, *operation.left);
    if (!left) return left;
    if (op == Operator::kNot) return !*left;
    if (op == Operator::kAnd && !*left) return false;
    if (op == Operator::kOr && *left) return true;
    const auto right = evaluate_truth(object, *operation.right);
    if (!right) return right;
    return op == Operator::kXor ? *left != *right : *right;
  }
  const auto left = evaluate(object, *operation.left);
  if (!left) return std::unexpected(left.error());
  const auto right = evaluate(object, *operation.right);
  if (!right) return std::unexpected(right.error());
  switch (op) {
    case Operator::kContains:
      return contains(*left, *right);
    case Operator::kNotContains:
      return !contains(*left, *right);
    case Operator::kIn:
      return contains(*right, *left);
    case Operator::kNotIn:
      return !contains(*right, *left);
    default:
      return compare_any(op, *left, *right);
  }
}

Outcome<Value> evaluate(const Object& object, const Expression& expression) {
  if (const auto* value = std::get_if<Value>(&expression.node)) return *value;
  if (const auto* property = std::get_if<Property>(&expression.node)) {
    return property_of(object, *property);
  }
  const auto truth = apply(object, std::get<Operation>(expression.node));
  if (!truth) return std::unexpected(truth.error());
  return Value(*truth);
}

}  // namespace

std::expected<bool, std::string> satisfies(const Object& object, const Expression& condition) {
  return evaluate_truth(object, condition);
}

}  // namespace relais::shell
