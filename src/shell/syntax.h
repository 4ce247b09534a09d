// The language as a tree: what a line of the shell means before anybody has looked at names. A
// subset of PowerShell: no variables but $true, $false, $null and $_, no statements but pipelines.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "shell/value.h"

namespace relais::shell {

// Why a line cannot be understood, and where in it.
struct SyntaxError {
  size_t at = 0;  // octets from the beginning of the text
  std::string what;
  bool incomplete = false;  // the text ended too soon: more lines could make it good
};

enum class Operator : uint8_t {
  kEqual,
  kNotEqual,
  kGreater,
  kGreaterOrEqual,
  kLess,
  kLessOrEqual,
  kLike,
  kNotLike,
  kMatch,
  kNotMatch,
  kContains,
  kNotContains,
  kIn,
  kNotIn,
  kAnd,
  kOr,
  kXor,
  kNot,
};

struct Expression;
using ExpressionPtr = std::shared_ptr<const Expression>;

// $_.Bindings.Count; without names the object itself.
struct Property {
  std::vector<std::string> names;
};
struct Operation {
  Operator op = Operator::kEqual;
  ExpressionPtr left;  // of kNot alone: the operand
  ExpressionPtr right;
};
struct Expression {
  std::variant<Value, Property, Operation> node;
};

// { ... } behind Where-Object.
struct ScriptBlock {
  ExpressionPtr condition;
};

struct Argument {
  size_t at = 0;
  std::variant<Value, ScriptBlock> value;
};

// -Name, -Name:value, or a value.
struct Element {
  size_t at = 0;
  std::string parameter;           // without the dash; empty: a value
  std::vector<Argument> argument;  // none or one; of a parameter only when attached with a colon
};

struct Command {
  size_t at = 0;
  std::string name;
  std::vector<Element> elements;
};

struct Pipeline {
  std::vector<Command> commands;  // none: an empty statement or a comment
};

}  // namespace relais::shell
