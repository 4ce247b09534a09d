// Text to tree. Takes one statement at a time, so that one line that cannot be understood does not
// hide the next. Never throws; depth and lists are bounded by kDepthMax and the text itself.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "shell/syntax.h"

namespace relais::shell {

struct Statement {
  Pipeline pipeline;
  size_t begin = 0;  // of its text
  size_t end = 0;
  size_t next = 0;  // where the next one begins
};

// The statement that begins at `from`. At the end of the text: an empty pipeline with next ==
// text.size().
[[nodiscard]] std::expected<Statement, SyntaxError> parse_statement(std::string_view text,
                                                                    size_t from = 0);

// nullopt: no operator is called that. Without the dash; a leading c or i ("ceq", "ieq") is
// dropped.
[[nodiscard]] std::optional<Operator> operator_from_name(std::string_view name);

// The line of the error, a caret under the place, and what is wrong:
//   Get-Foo "abc
//           ^
//   column 9: the quote is not closed
[[nodiscard]] std::string show(const SyntaxError& error, std::string_view text);

}  // namespace relais::shell
