// The states of the resources: the file that a server keeps, and what relais stats prints.
#include "admin/pressure_report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "admin/pressure_file.h"
#include "admin/when.h"

namespace relais::admin {
namespace {

namespace fs = std::filesystem;
using policy::Pressure;
using policy::Resource;

constexpr WallTime kReported{1'767'225'600'000'000'000};

PressureReport some_report() {
  return {
      .pid = 4711,
      .updated = kReported,
      .enabled = true,
      .mail = {.external_refused = true,
               .internal_refused = false,
               .delay_s = 0,
               .reply = "452 4.3.1 Insufficient system resources (spool_disk Medium, 91 % used)"},
      .resources = {{.resource = Resource::kSpoolDisk,
                     .pressure = Pressure::kMedium,
                     .figure = 91,
                     .since = kReported + seconds(-90),
                     .thresholds = {89, 99, 90, 80}},
                    {.resource = Resource::kQueue,
                     .pressure = Pressure::kNormal,
                     .figure = std::nullopt,
                     .since = kReported + hours(-5),
                     .thresholds = {1'000'000, 1'500'000, 1'000'000, 200'000}}}};
}

class Folder : public testing::Test {
 protected:
  Folder() {
    std::string name = (fs::temp_directory_path() / "relais-pressure-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~Folder() override {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string path_;
};
using PressureFile = Folder;

TEST_F(PressureFile, LeadsBack) {
  EXPECT_FALSE(read_pressure(path_).has_value());
  const PressureReport report = some_report();
  ASSERT_TRUE(write_pressure(path_, report));
  const auto read = read_pressure(path_);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(to_json(*read), to_json(report));
  EXPECT_EQ(read->pid, 4711);
  ASSERT_EQ(read->resources.size(), 2U);
  EXPECT_EQ(read->resources[0].figure, 91U);
  EXPECT_FALSE(read->resources[1].figure.has_value());
}

TEST_F(PressureFile, AShorterReportLeavesNothingOfALongerOne) {
  PressureReport report = some_report();
  for (int i = 0; i < 100; ++i) report.resources.push_back(report.resources[0]);
  ASSERT_TRUE(write_pressure(path_, report));
  ASSERT_TRUE(write_pressure(path_, some_report()));
  ASSERT_TRUE(read_pressure(path_).has_value());
  EXPECT_EQ(read_pressure(path_)->resources.size(), 2U);
  EXPECT_EQ(fs::file_size(pressure_path(path_)) % 4096, 0U);
}

TEST_F(PressureFile, DamageIsNoReport) {
  const std::string whole = to_json(some_report());
  for (size_t cut = 0; cut + 2 < whole.size(); ++cut)
    EXPECT_FALSE(pressure_report_from_json(whole.substr(0, cut)).has_value()) << cut;
  for (const char* text : {"[]", "{}", "7", "{\"version\":2}"})
    EXPECT_FALSE(pressure_report_from_json(text).has_value()) << text;
  std::string wrong = whole;
  wrong.replace(wrong.find("\"Medium\""), 8, "\"Medial\"");
  EXPECT_FALSE(pressure_report_from_json(wrong).has_value());
  EXPECT_FALSE(write_pressure(path_ + "/missing", some_report()));
}

TEST(PressureText, IsATable) {
  EXPECT_EQ(pressure_text(some_report(), kReported),
            "resource             now  state   since          Medium from, until       "
            "High from, until\n"
            "spool_disk          91 %  Medium  90 s ago       89 %, below 80 %         "
            "99 %, below 90 %\n"
            "queue                  ?  Normal  5 h ago        1000000, below 200000    "
            "1500000, below 1000000\n"
            "MAIL is refused to clients that are not externally secured: 452 4.3.1 Insufficient "
            "system resources (spool_disk Medium, 91 % used)\n");
}

TEST(PressureText, SaysWhoWaitsAndWhoIsRefused) {
  PressureReport report = some_report();
  report.mail.internal_refused = true;
  EXPECT_NE(pressure_text(report, kReported).find("MAIL is refused to everybody: 452"),
            std::string::npos);
  report.mail = {.external_refused = false, .internal_refused = false, .delay_s = 15, .reply = {}};
  EXPECT_NE(pressure_text(report, kReported).find("MAIL waits 15 s for clients"),
            std::string::npos);
  report.mail.delay_s = 0;
  EXPECT_EQ(pressure_text(report, kReported).find("MAIL"), std::string::npos);
  report.enabled = false;
  EXPECT_EQ(pressure_text(report, kReported),
            "Back pressure is off ([back_pressure] enabled = false).\n");
}

}  // namespace
}  // namespace relais::admin
