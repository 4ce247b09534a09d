// Rows of config's table of parameters as parameters and properties of cmdlets. A row that is added
// there is a parameter here.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/parameter.h"
#include "shell/cmdlet.h"
#include "shell/toml_value.h"

namespace relais::shell {

// "stamp_auth_headers": "StampAuthHeaders"
[[nodiscard]] std::string camel_case(std::string_view key);
// The quoted words of "\"None\" or \"Verbose\""; none of a text with "such as".
[[nodiscard]] std::vector<std::string> words_of(std::string_view allowed);

template <class Owner>
std::string name_of(const config::Parameter<Owner>& row) {
  return row.exchange.empty() ? camel_case(row.key) : std::string(row.exchange);
}

// False for tables in the file: they have cmdlets of their own, or stand in the file alone.
template <class Owner>
bool is_parameter(const config::Parameter<Owner>& row) {
  return !row.is_table;
}

template <class Owner>
Form form_of(const config::Parameter<Owner>& row) {
  if (row.is_list) return Form::kList;
  if (std::holds_alternative<bool Owner::*>(row.target)) return Form::kTruth;
  if (std::holds_alternative<Duration Owner::*>(row.target)) return Form::kDuration;
  if (std::holds_alternative<uint32_t Owner::*>(row.target) ||
      std::holds_alternative<uint64_t Owner::*>(row.target)) {
    return row.unit == config::Unit::kOctets ? Form::kOctets : Form::kCount;
  }
  return Form::kText;
}

template <class Owner>
std::vector<ParameterSpec> parameters_of(std::span<const config::Parameter<Owner>> rows) {
  std::vector<ParameterSpec> parameters;
  for (const auto& row : rows) {
    if (!is_parameter(row)) continue;
    const bool is_truth = form_of(row) == Form::kTruth;
    parameters.push_back(
        {.name = name_of(row),
         .doc = std::string(row.doc),
         .values = is_truth ? std::vector<std::string>{"$true", "$false"} : words_of(row.allowed),
         .support = row.effect == config::Effect::kNow ? Support::kFull : Support::kKept,
         .key = std::string(row.key)});
  }
  return parameters;
}

template <class Owner>
const config::Parameter<Owner>* row_of(std::span<const config::Parameter<Owner>> rows,
                                       std::string_view key) {
  const auto found = std::ranges::find(rows, key, &config::Parameter<Owner>::key);
  return found == rows.end() ? nullptr : &*found;
}

// What the owner has in a plain member; nullopt for a row with a reader.
template <class Owner>
std::optional<Value> member_value(const config::Parameter<Owner>& row, const Owner& owner) {
  return std::visit(
      [&](auto target) -> std::optional<Value> {
        if constexpr (std::is_same_v<decltype(target), config::Reader<Owner>>) {
          return std::nullopt;
        } else {
          const auto& member = owner.*target;
          using Member = std::remove_cvref_t<decltype(member)>;
          if constexpr (std::is_same_v<Member, uint32_t> || std::is_same_v<Member, uint64_t>) {
            if (row.may_be_unlimited && member == UINT32_MAX) return std::string("Unlimited");
            if (row.unit == config::Unit::kOctets) return Octets{member};
            return static_cast<int64_t>(member);
          } else if constexpr (std::is_same_v<Member, std::string>) {
            if (member.empty()) return Value();
            return Value(member);
          } else {
            return Value(member);
          }
        }
      },
      row.target);
}

}  // namespace relais::shell
