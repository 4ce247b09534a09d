#include "config/reference.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "config/parameter.h"
#include "config/rules.h"
#include "config/section.h"

namespace relais::config {
namespace {

const std::string kCommitted = RELAIS_SOURCE_DIR "/docs/config.md";

TEST(Reference, TheCommittedCopyIsTheOneThatTheTablePrints) {
  if (std::getenv("RELAIS_UPDATE") != nullptr) std::ofstream(kCommitted) << reference_markdown();
  std::ifstream file(kCommitted);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(committed, reference_markdown())
      << "docs/config.md is old: RELAIS_UPDATE=1 config_tests writes it anew";
}

TEST(Reference, TheCommittedChecksAreThoseThatTheTablePrints) {
  const std::string path = RELAIS_SOURCE_DIR "/docs/checks.md";
  if (std::getenv("RELAIS_UPDATE") != nullptr) std::ofstream(path) << rules_markdown();
  std::ifstream file(path);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(committed, rules_markdown())
      << "docs/checks.md is old: RELAIS_UPDATE=1 config_tests writes it anew";
}

TEST(Reference, EveryRuleSaysWhatWhyAndWhatToDoInOneLineEach) {
  for (const RuleText& rule : all_rules()) {
    for (const std::string_view text : {rule.what, rule.why, rule.cure}) {
      EXPECT_TRUE(text.ends_with('.') || text.ends_with(".)")) << id_of(rule.rule) << ' ' << text;
      EXPECT_EQ(text.find('\n'), std::string_view::npos) << id_of(rule.rule);
    }
    EXPECT_EQ(rule_from_id(id_of(rule.rule)), rule.rule);
    EXPECT_EQ(text_of(rule.rule).what, rule.what);
  }
  EXPECT_EQ(rule_from_id("r12"), Rule::kOpenRelay);
  EXPECT_EQ(id_of(Rule::kOpenRelay), "R012");
  for (const char* none : {"", "R", "R0", "R999", "12x", "-1", "RR1"}) {
    EXPECT_FALSE(rule_from_id(none)) << none;
  }
}

template <class Owner>
void expect_complete(std::span<const Parameter<Owner>> rows) {
  const std::string printed = reference_markdown();
  std::set<std::string_view> keys;
  for (const auto& row : rows) {
    EXPECT_TRUE(keys.insert(row.key).second) << row.key << " has two rows";
    EXPECT_FALSE(row.doc.empty()) << row.key << " has no documentation";
    EXPECT_TRUE(row.doc.ends_with('.')) << row.key;
    EXPECT_FALSE(allowed_text(row).empty()) << row.key;
    EXPECT_LE(row.min, row.max) << row.key;
    EXPECT_NE(printed.find('`' + std::string(row.key) + '`'), std::string::npos) << row.key;
    const bool is_reader = std::holds_alternative<Reader<Owner>>(row.target);
    EXPECT_EQ(is_reader, !row.allowed.empty()) << row.key;
  }
}

TEST(Reference, EveryParameterIsDocumented) {
  expect_complete(main_file_parameters());
  expect_complete(server_parameters());
  expect_complete(spool_parameters());
  expect_complete(retry_parameters());
  expect_complete(admin_parameters());
  expect_complete(back_pressure_parameters());
  expect_complete(accepted_domain_parameters());
  expect_complete(send_connector_parameters());
  expect_complete(receive_connector_parameters());
  expect_complete(permission_parameters());
  expect_complete(limits_parameters());
  expect_complete(limit_parameters());
}

// A default outside its own range could not be written down.
template <class Owner>
void expect_defaults_in_range(std::span<const Parameter<Owner>> rows) {
  static const Owner defaults{};
  for (const auto& row : rows) {
    uint64_t value = row.min;
    if (const auto* member = std::get_if<uint32_t Owner::*>(&row.target)) {
      value = defaults.**member;
    } else if (const auto* size = std::get_if<uint64_t Owner::*>(&row.target)) {
      value = defaults.**size;
    } else if (const auto* duration = std::get_if<Duration Owner::*>(&row.target)) {
      value = static_cast<uint64_t>((defaults.**duration).ns);
    }
    if (row.may_be_unlimited && value == UINT32_MAX) continue;
    EXPECT_LE(row.min, value) << row.key;
    EXPECT_GE(row.max, value) << row.key;
  }
}

TEST(Reference, EveryDefaultIsAllowed) {
  expect_defaults_in_range(server_parameters());
  expect_defaults_in_range(spool_parameters());
  expect_defaults_in_range(retry_parameters());
  expect_defaults_in_range(limits_parameters());
  expect_defaults_in_range(back_pressure_parameters());
  expect_defaults_in_range(send_connector_parameters());
  expect_defaults_in_range(receive_connector_parameters());
}

}  // namespace
}  // namespace relais::config
