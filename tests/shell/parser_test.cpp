// The language: what a line means, and what is said about a line that means nothing.
#include "shell/parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace relais::shell {
namespace {

// A tree as text: name, then -parameter, values; a list as {a, b}, a hash table as @{a=b}.
std::string text_of(const Argument& argument) {
  if (const auto* value = std::get_if<Value>(&argument.value)) {
    return value->is_null() ? "null" : to_text(*value);
  }
  return "{...}";
}

std::string text_of(const Pipeline& pipeline) {
  std::string text;
  for (const Command& command : pipeline.commands) {
    if (!text.empty()) text += " | ";
    text += command.name;
    for (const Element& element : command.elements) {
      text += ' ';
      if (!element.parameter.empty()) {
        text += '-';
        text += element.parameter;
        if (!element.argument.empty()) text += ':';
      }
      if (!element.argument.empty()) text += "<" + text_of(element.argument.front()) + ">";
    }
  }
  return text;
}

std::string parsed(std::string_view text) {
  std::string all;
  for (size_t at = 0; at < text.size();) {
    const auto statement = parse_statement(text, at);
    if (!statement) return fmt::format("{}: {}", statement.error().at, statement.error().what);
    if (!statement->pipeline.commands.empty()) {
      if (!all.empty()) all += " ;; ";
      all += text_of(statement->pipeline);
    }
    at = statement->next;
  }
  return all;
}

TEST(Parser, TheWalkThrough) {
  EXPECT_EQ(parsed(R"(New-ReceiveConnector -Name "Anonymous Relay" -TransportRole )"
                   R"(FrontendTransport -Custom -Bindings 0.0.0.0:25 -RemoteIpRanges )"
                   R"(192.168.5.10,192.168.5.11)"),
            "New-ReceiveConnector -Name <Anonymous Relay> -TransportRole <FrontendTransport> "
            "-Custom -Bindings <0.0.0.0:25> -RemoteIpRanges <{192.168.5.10, 192.168.5.11}>");
  EXPECT_EQ(parsed(R"(Get-ReceiveConnector "Anonymous Relay" | Add-ADPermission -User )"
                   R"("NT AUTHORITY\ANONYMOUS LOGON" -ExtendedRights "Ms-Exch-SMTP-Submit")"),
            "Get-ReceiveConnector <Anonymous Relay> | Add-ADPermission -User "
            "<NT AUTHORITY\\ANONYMOUS LOGON> -ExtendedRights <Ms-Exch-SMTP-Submit>");
  EXPECT_EQ(parsed("Get-ADPermission x | where {($_.Deny -eq $false) -and ($_.IsInherited -eq "
                   "$false)} | Format-Table User,ExtendedRights"),
            "Get-ADPermission <x> | where <{...}> | Format-Table <{User, ExtendedRights}>");
}

TEST(Parser, Values) {
  struct Case {
    std::string_view text;
    std::string_view tree;
  };
  const Case cases[] = {
      {"x 'it''s'", "x <it's>"},
      {R"(x "say ""hi""")", R"(x <say "hi">)"},
      {R"(x "a`"b`tc`\d")", "x <a\"b\tc\\d>"},
      {R"(x 'C:\new' "C:\new")", "x <C:\\new> <C:\\new>"},
      {"x \u201cAnonymous Relay\u201d \u2013Name \u2018a\u2019", "x <Anonymous Relay> -Name <a>"},
      {"x a,b", "x <{a, b}>"},
      {"x a , b ,\n c", "x <{a, b, c}>"},
      {R"(x "a b",'c',d)", "x <{a b, c, d}>"},
      {"x @('a','b')", "x <{a, b}>"},
      {"x @(\n'a',\n'b'\n)", "x <{a, b}>"},
      {"x @()", "x <{}>"},
      {"x @('a')", "x <{a}>"},
      {"x ('a')", "x <a>"},
      {"x ('a','b')", "x <{a, b}>"},
      {R"(x @{Add="1.2.3.4"; Remove="5.6.7.8","9.9.9.9"})",
       "x <@{Add=1.2.3.4; Remove={5.6.7.8, 9.9.9.9}}>"},
      {"x @{Add='a'\nRemove='b'}", "x <@{Add=a; Remove=b}>"},
      {"x $true $FALSE $null", "x <True> <False> <null>"},
      {"x -Confirm:$false -Custom: $true", "x -Confirm:<False> -Custom:<True>"},
      {"x -5 --y 5-3 fe80::/200 [::]:25 10.0.0.0/33 :25",
       "x <-5> <--y> <5-3> <fe80::/200> "
       "<[::]:25> <10.0.0.0/33> <:25>"},
      {"x a`\n  b", "x <a> <b>"},
      {"x a`\r\n  b", "x <a> <b>"},
      {"x a`\rb `\r", "x <a> <b>"},  // never ended: found by the fuzzer
      {"x `\n -Name b", "x -Name <b>"},
      {"x a` b", "x <a b>"},
      {"x a\"b c\"d", "x <ab cd>"},
      {"x ''", "x <>"},
      {"x 36MB", "x <36MB>"},
      {"x user@contoso.com a#b # a comment", "x <user@contoso.com> <a#b>"},
  };
  for (const Case& c : cases) EXPECT_EQ(parsed(c.text), c.tree) << c.text;
}

TEST(Parser, Statements) {
  EXPECT_EQ(parsed(""), "");
  EXPECT_EQ(parsed("  # nothing\n\n;;"), "");
  EXPECT_EQ(parsed("a; b\nc\r\nd"), "a ;; b ;; c ;; d");
  EXPECT_EQ(parsed("a |\n  b | # why\n c"), "a | b | c");
  const std::string_view text = "a 1;  b 2 # c";
  const auto second = parse_statement(text, 4);
  ASSERT_TRUE(second);
  EXPECT_EQ(text.substr(second->begin, second->end - second->begin), "b 2 # c");
}

TEST(Parser, WhatIsNoLine) {
  struct Case {
    std::string_view text;
    std::string_view error;
    bool incomplete;
  };
  const Case cases[] = {
      {"x \"abc", "2: the quote is not closed", true},
      {"x 'abc", "2: the quote is not closed", true},
      {"x |", "3: a command is missing behind the pipe", true},
      {"x a,", "4: a value is missing behind the comma", true},
      {"x @(a", "2: the @( is not closed", true},
      {"x @{Add='a'", "2: the @{ is not closed", true},
      {"x | where { $_.a", "10: the { is not closed", true},
      {"x | where { ($_.a -eq 1 }", "24: an operator or ) was expected, not '}'", false},
      {"x | where { $_.a -eq }", "21: a value was expected, not '}'", false},
      {"x | where { Enabled -eq 1 }",
       "12: 'Enabled': write a text in quotes, and a property as $_.Enabled", false},
      {"x | where { $_.a -lik 'b' }", "17: -lik is no operator; is it -like?", false},
      {"x | where { $_. }", "15: the name of a property is missing", false},
      {"| x", "0: a command was expected, not '|'", false},
      {"x || y", "3: a command was expected, not '|'", false},
      {"$a = 5", "0: there are no variables here: a line begins with a command", false},
      {"\"a\"", "0: a line begins with a command, not a text", false},
      {"x $a",
       "2: $a: there are no variables here but $true, $false, $null, and $_ in "
       "Where-Object",
       false},
      {"x $_", "2: $_ has a meaning only between the braces of Where-Object", false},
      {"x \"a $b\"",
       "5: there are no variables here: write '...' around a text with a $, or `$ "
       "for the sign",
       false},
      {"x > y",
       "2: '>': there is no redirection here; redirect the program itself, as in: relais "
       "shell -c LINE > FILE",
       false},
      {"x (get-y z)", "9: a ) was expected: commands cannot stand in parentheses here", false},
      {"x -a:", "5: -a: has no value", false},
      {"x -a.b", "4: '.' cannot stand in the name of a parameter", false},
      {"x )", "2: a value was expected, not ')'", false},
      {"x @{Add}", "4: write @{Add='...'; Remove='...'}", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(parsed(c.text), c.error) << c.text;
    const auto statement = parse_statement(c.text);
    ASSERT_FALSE(statement) << c.text;
    EXPECT_EQ(statement.error().incomplete, c.incomplete) << c.text;
  }
}

TEST(Parser, DepthIsBounded) {
  const std::string lists = "x " + std::string(10'000, '(') + "a";
  EXPECT_NE(parsed(lists).find("too many lists in each other"), std::string::npos);
  const std::string conditions = "x | where {" + std::string(10'000, '(') + "1";
  EXPECT_NE(parsed(conditions).find("too many parentheses"), std::string::npos);
  const std::string nots = "x | where {" + std::string(10'000, '!') + "1";
  EXPECT_NE(parsed(nots).find("too many -not"), std::string::npos);
}

TEST(Parser, EveryPrefixOfALineIsALineOrAMistake) {
  const std::string_view text =
      "Get-X \"a b\" -C:$true @{Add='a';b=1,2} `\n | ? { !($_.a -like '*x') -or $_.b.Count -gt "
      "10MB } | fl a,*b # c\n; ConvertTo-Json";
  for (size_t length = 0; length <= text.size(); ++length) {
    for (size_t skip = 0; skip < std::min<size_t>(length, 20); ++skip) {
      (void)parsed(text.substr(skip, length - skip));
    }
  }
}

TEST(Parser, TheCaretStandsUnderThePlace) {
  const std::string_view text = "a\nGet-X \u00e4 $b";
  const auto first = parse_statement(text);
  ASSERT_TRUE(first);
  const auto second = parse_statement(text, first->next);
  ASSERT_FALSE(second);
  EXPECT_EQ(show(second.error(), text),
            "Get-X \u00e4 $b\n"
            "        ^\n"
            "column 9: $b: there are no variables here but $true, $false, $null, and $_ in "
            "Where-Object\n");
}

TEST(Parser, NoControlIsShown) {
  const std::string_view text("Get-X -\x1b[2J (\0)", 16);
  for (const std::string_view line : {text, std::string_view("Get-X (\0)", 9)}) {
    const auto statement = parse_statement(line);
    ASSERT_FALSE(statement);
    for (const char c : show(statement.error(), line))
      EXPECT_TRUE(c == '\n' || c < 0 || c >= ' ') << show(statement.error(), line);
  }
}

}  // namespace
}  // namespace relais::shell
