// The dialogues of tests/dialogues as seeds, and the words that SMTP is made of.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "fuzz/fuzzer.h"
#include "smtp/dialogue.h"

namespace relais::fuzz {

// What a client says in each dialogue, none longer than `octets_max`.
inline std::vector<std::string> said_in_dialogues(size_t octets_max) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(RELAIS_DIALOGUES))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> said;
  for (const auto& path : paths) {
    const std::string input = smtp::test::read_dialogue(path).input;
    if (input.size() <= octets_max) said.push_back(input);
  }
  must(!said.empty(), "tests/dialogues holds dialogues");
  return said;
}

inline std::vector<std::string> smtp_words() {
  using namespace std::string_literals;
  return {"\r\n",
          "\r\n.\r\n",
          "\n.\n",
          "\r\n..\r\n",
          "\0"s,
          "EHLO x\r\n",
          "HELO x\r\n",
          "MAIL FROM:",
          "RCPT TO:",
          "DATA\r\n",
          "BDAT 5\r\n",
          "BDAT 3 LAST\r\n",
          " LAST\r\n",
          "RSET\r\n",
          "NOOP\r\n",
          "QUIT\r\n",
          "STARTTLS\r\n",
          "AUTH PLAIN ",
          "AUTH LOGIN\r\n",
          "AGEAYg==\r\n",
          "<a@contoso.com>",
          "<>",
          "[IPv6:",
          " SIZE=",
          " BODY=8BITMIME",
          " BODY=BINARYMIME",
          " SMTPUTF8",
          " RET=HDRS",
          " ENVID=",
          " NOTIFY=NEVER",
          " ORCPT=rfc822;",
          " AUTH=<>",
          "+2B",
          "\xc3\xa9",
          "XEXCH50 5 2\r\n",
          "Received: by a\r\n",
          "From: a@contoso.com\r\n",
          "X-MS-Exchange-Organization-A: b\r\n",
          "99999999999999999999"};
}

// A failed expectation of the tests' code is a finding too.
inline void stop_at_failed_expectations() { testing::FLAGS_gtest_break_on_failure = true; }

}  // namespace relais::fuzz
