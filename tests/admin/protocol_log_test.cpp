// The files of the protocol log: names, header, when one ends, which go.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "admin/protocol_log_files.h"

namespace relais::admin {
namespace {

namespace fs = std::filesystem;

constexpr WallTime kBegin{1'769'854'830'123'000'000};  // 2026-01-31T10:20:30.123Z
constexpr Duration kDayLong = hours(24);
constexpr std::string_view kHeader =
    "#Software: relais\n#Version: 1.2\n#Log-Type: SMTP Receive Protocol Log\n"
    "#Date: 2026-01-31T10:20:30.123Z\n"
    "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,"
    "event,data,context\n";

class ProtocolLogFilesTest : public testing::Test {
 protected:
  ProtocolLogFilesTest() {
    std::string name = (fs::temp_directory_path() / "relais-protocol-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    settings_.folder = (folder_ / "log").string();
  }
  ~ProtocolLogFilesTest() override { fs::remove_all(folder_); }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(settings_.folder))
      found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
  }
  std::string text_of(const std::string& name) const {
    std::ifstream file(fs::path(settings_.folder) / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string& name, std::string_view text) const {
    fs::create_directories(settings_.folder);
    std::ofstream(fs::path(settings_.folder) / name) << text;
  }
  uint64_t octets() const {
    uint64_t sum = 0;
    for (const auto& entry : fs::directory_iterator(settings_.folder)) sum += entry.file_size();
    return sum;
  }

  fs::path folder_;
  config::ProtocolLogSettings settings_;
};

TEST_F(ProtocolLogFilesTest, BeginWithAHeader) {
  ProtocolLogFiles files(settings_, "1.2");
  const auto written = files.write("a,b\nc,d\n", kBegin);
  EXPECT_EQ(written.lines, 2U);
  EXPECT_EQ(written.dropped, 0U);
  EXPECT_EQ(names(), std::vector<std::string>{"RECV20260131-0001.log"});
  EXPECT_EQ(text_of("RECV20260131-0001.log"), std::string(kHeader) + "a,b\nc,d\n");
  struct stat facts {};
  ASSERT_EQ(stat((settings_.folder + "/RECV20260131-0001.log").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07, 0U) << "it tells who writes to whom";
}

TEST_F(ProtocolLogFilesTest, EndWithTheirDay) {
  ProtocolLogFiles files(settings_, "1.2");
  (void)files.write("today\n", kBegin);
  (void)files.write("tomorrow\n", kBegin + kDayLong);
  // The clock was set back: the newest file goes on.
  (void)files.write("again\n", kBegin);
  EXPECT_EQ(names(), (std::vector<std::string>{"RECV20260131-0001.log", "RECV20260201-0001.log"}));
  EXPECT_TRUE(text_of("RECV20260201-0001.log").ends_with("tomorrow\nagain\n"));
}

TEST_F(ProtocolLogFilesTest, EndAtTheirSizeAndTheFolderStaysWithinIts) {
  settings_.max_file_size = 4096;
  settings_.max_folder_size = 16'384;
  ProtocolLogFiles files(settings_, "1.2");
  const std::string line = std::string(99, 'x') + "\n";
  std::string batch;
  for (int i = 0; i < 7; ++i) batch += line;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(files.write(batch, kBegin).lines, 7U);
    ASSERT_LE(octets(), settings_.max_folder_size);
  }
  const auto found = names();
  ASSERT_EQ(found.size(), 4U);
  for (const std::string& name : found) {
    const std::string text = text_of(name);
    EXPECT_LE(text.size(), settings_.max_file_size);
    EXPECT_TRUE(text.starts_with(kHeader)) << name;
    EXPECT_TRUE(text.ends_with(line)) << name;
    EXPECT_EQ((text.size() - kHeader.size()) % line.size(), 0U) << "a cut line in " << name;
  }
  // 38 lines a file: 700 lines are 19 files.
  EXPECT_EQ(found.back(), "RECV20260131-0019.log");
  EXPECT_EQ(found.front(), "RECV20260131-0016.log");
}

TEST_F(ProtocolLogFilesTest, TakeALineThatIsLargerThanAFileMayBe) {
  settings_.max_file_size = 4096;
  ProtocolLogFiles files(settings_, "1.2");
  const std::string line = std::string(5000, 'x') + "\n";
  EXPECT_EQ(files.write(line + "short\n" + line, kBegin).lines, 3U);
  EXPECT_EQ(names().size(), 3U);
}

TEST_F(ProtocolLogFilesTest, GoOnInTheLastFileOfTheDay) {
  const std::string first = std::string(kHeader) + "before\n";
  put("RECV20260131-0002.log", first);
  put("RECV20260131-0001.log", first);
  {
    ProtocolLogFiles files(settings_, "1.2");
    (void)files.write("after\n", kBegin + seconds(9));
  }
  EXPECT_EQ(text_of("RECV20260131-0002.log"), first + "after\n");
  // Killed, or the power was cut, in the middle of a line.
  put("RECV20260131-0002.log", first + "af");
  ProtocolLogFiles files(settings_, "1.2");
  (void)files.write("after\n", kBegin);
  EXPECT_EQ(text_of("RECV20260131-0002.log"), first + "af");
  EXPECT_EQ(text_of("RECV20260131-0003.log"), std::string(kHeader) + "after\n");
}

TEST_F(ProtocolLogFilesTest, GoWhenTheyAreTooOld) {
  settings_.max_age = kDayLong * 2;
  for (const char* name : {"RECV20260128-0001.log", "RECV20260129-0009.log",
                           "RECV20260129-0010.log", "RECV20260131-0001.log",
                           // Not ours:
                           "RECV20250101-0001.log.gz", "RECV20250101.log", "RECV20251301-0001.log",
                           "SEND20250101-0001.log", "RECV20250101-x.log"})
    put(name, "x\n");
  ProtocolLogFiles files(settings_, "1.2");
  files.clean(kBegin);  // 0128 ended two days and ten hours ago
  EXPECT_EQ(names(), (std::vector<std::string>{"RECV20250101-0001.log.gz", "RECV20250101-x.log",
                                               "RECV20250101.log", "RECV20251301-0001.log",
                                               "RECV20260129-0009.log", "RECV20260129-0010.log",
                                               "RECV20260131-0001.log", "SEND20250101-0001.log"}));
}

TEST_F(ProtocolLogFilesTest, RemoveTheOldestByNumberNotByName) {
  settings_.max_file_size = 4096;
  settings_.max_folder_size = 12'288;
  put("RECV20260131-9999.log", std::string(4096, 'x'));
  put("RECV20260131-10000.log", std::string(4096, 'x'));
  put("RECV20260131-9998.log", std::string(4096, 'x'));
  ProtocolLogFiles files(settings_, "1.2");
  (void)files.write("line\n", kBegin);
  EXPECT_EQ(names(), (std::vector<std::string>{"RECV20260131-10000.log", "RECV20260131-10001.log",
                                               "RECV20260131-9999.log"}));
}

TEST_F(ProtocolLogFilesTest, AreMissedWithoutHarmWhereTheFolderCannotBeMade) {
  std::ofstream(settings_.folder) << "a file";
  ProtocolLogFiles files(settings_, "1.2");
  const auto written = files.write("a\nb\n", kBegin);
  EXPECT_EQ(written.lines, 0U);
  EXPECT_EQ(written.dropped, 2U);
  EXPECT_NE(written.problem.find(settings_.folder), std::string::npos) << written.problem;
  fs::remove(settings_.folder);
  EXPECT_EQ(files.write("c\n", kBegin).lines, 1U) << "as soon as it can be";
}

// RLIMIT_FSIZE ends a write in the middle, as a full disk does.
TEST_F(ProtocolLogFilesTest, NeverEndInTheMiddleOfALine) {
  ProtocolLogFiles files(settings_, "1.2");
  ASSERT_EQ(files.write("first\n", kBegin).lines, 1U);
  const std::string before = text_of("RECV20260131-0001.log");
  signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{before.size() + 10, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = files.write(std::string(50, 'x') + "\nsecond\n", kBegin);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_EQ(written.lines, 0U);
  EXPECT_EQ(written.dropped, 2U);
  EXPECT_EQ(text_of("RECV20260131-0001.log"), before);
  EXPECT_EQ(files.write("third\n", kBegin).lines, 1U);
  EXPECT_EQ(text_of("RECV20260131-0001.log"), before + "third\n");
}

TEST_F(ProtocolLogFilesTest, MoveWithTheConfiguration) {
  ProtocolLogFiles files(settings_, "1.2");
  (void)files.write("here\n", kBegin);
  const std::string old = settings_.folder;
  settings_.folder = (folder_ / "other").string();
  files.configure(settings_);
  (void)files.write("there\n", kBegin);
  EXPECT_EQ(names(), std::vector<std::string>{"RECV20260131-0001.log"});
  EXPECT_TRUE(text_of("RECV20260131-0001.log").ends_with("there\n"));
}

}  // namespace
}  // namespace relais::admin
