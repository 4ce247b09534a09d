#include "shell/condition.h"

#include <gtest/gtest.h>

#include "shell/parser.h"

namespace relais::shell {
namespace {

Object connector() {
  Object object;
  object.add("Name", std::string("Anonymous Relay"))
      .add("Enabled", true)
      .add("Deny", false)
      .add("MaxHopCount", int64_t{60})
      .add("MaxMessageSize", Octets{37'748'736})
      .add("ConnectionTimeout", minutes(10))
      .add("Limit", std::string("Unlimited"))
      .add("RemoteIPRanges", List{std::string("10.0.0.1"), std::string("10.0.0.2")})
      .add("Empty", List{})
      .add("Comment", {});
  return object;
}

// "yes", "no", or what is wrong.
std::string answer(std::string_view condition) {
  std::string line("x | where { ");
  line += condition;
  line += " }";
  const auto statement = parse_statement(line);
  if (!statement) return statement.error().what;
  const auto& argument = statement->pipeline.commands[1].elements[0].argument[0];
  const auto satisfied = satisfies(connector(), *std::get<ScriptBlock>(argument.value).condition);
  if (!satisfied) return satisfied.error();
  return *satisfied ? "yes" : "no";
}

TEST(Condition, Holds) {
  for (const char* condition : {
           "($_.Deny -eq $false) -and ($_.Enabled -eq $true)",
           "$_.Enabled",
           "$PSItem.enabled",
           "!$_.Deny",
           "-not $_.Deny",
           "-not ($_.Deny -or $_.Comment)",
           "$_.Name -eq 'ANONYMOUS relay'",
           "$_.Name -ceq 'ANONYMOUS relay'",
           "$_.Name -like '*relay'",
           "$_.Name -like 'anon?mous[ ]rel[a-c]y'",
           "$_.Name -notlike '*x*'",
           "$_.Name -match '^anon.*y$'",
           "$_.Name -notmatch 'x\\d'",
           "$_.Name -in 'a','Anonymous Relay'",
           "$_.Name -notin @('a','b')",
           "$_.MaxHopCount -gt 59 -and $_.MaxHopCount -le 60",
           "$_.MaxHopCount -eq '60'",
           "$_.MaxMessageSize -ge 36MB",
           "$_.MaxMessageSize -lt '37 MB'",
           "$_.MaxMessageSize -eq '36 MB (37,748,736 bytes)'",
           "$_.ConnectionTimeout -eq '00:10:00'",
           "$_.ConnectionTimeout -lt '11m'",
           "$_.Limit -eq 'unlimited'",
           "$_.RemoteIPRanges -contains '10.0.0.2'",
           "$_.RemoteIPRanges -notcontains '10.0.0.3'",
           "$_.RemoteIPRanges -eq '10.0.0.1'",
           "$_.RemoteIPRanges -like '*.2'",
           "$_.RemoteIPRanges.Count -eq 2",
           "$_.Name.Length -eq 15",
           "$_.RemoteIPRanges",
           "-not $_.Empty",
           "$_.Comment -eq $null",
           "$_.Nothing -eq $null",
           "$_.Name -ne $null",
           "$_.Deny -or $_.Enabled -and $_.Enabled",
           "$_.Deny -xor $_.Enabled",
           "1 -lt 2",
           "-1 -lt 0",
       }) {
    EXPECT_EQ(answer(condition), "yes") << condition;
  }
}

TEST(Condition, DoesNotHold) {
  for (const char* condition : {
           "$_.Deny",
           "$_.Nothing",
           "$_.Nothing.Count -gt 0",
           "$_.Name -eq 'Anonymous'",
           "$_.Name -like 'relay'",
           "$_.Name -gt $null",
           "$_.MaxHopCount -gt 'many'",
           "$_.MaxHopCount -lt 'many'",
           "$_.MaxHopCount -eq 'many'",
           "$_.MaxMessageSize -gt 36MB",
           "$_.ConnectionTimeout -gt 'x'",
           "$_.RemoteIPRanges -contains '10.0.0'",
           "$_.RemoteIPRanges -match '^11'",
           "$_.Enabled -eq 'false'",
           "$_.Enabled -eq $null",
           "$_.Deny -and $_.Enabled -or $_.Deny",
       }) {
    EXPECT_EQ(answer(condition), "no") << condition;
  }
}

TEST(Condition, ARegularExpressionThatIsNone) {
  EXPECT_EQ(answer("$_.Name -match '('"), "'(' is no regular expression; -like takes * and ?");
}

TEST(Condition, ALongTextDoesNotOverflowTheStack) {
  Object object;
  object.add("Name", std::string(1'000'000, 'a'));
  const auto statement = parse_statement("x | where { $_.Name -match '(a|b)*c' }");
  ASSERT_TRUE(statement);
  const auto& argument = statement->pipeline.commands[1].elements[0].argument[0];
  EXPECT_EQ(satisfies(object, *std::get<ScriptBlock>(argument.value).condition), false);
}

}  // namespace
}  // namespace relais::shell
