#include "ledger/file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace relais::ledger {
namespace {

class LedgerFileTest : public testing::Test {
 protected:
  ~LedgerFileTest() override { std::filesystem::remove(path_); }
  void write(std::string_view text) const { std::ofstream(path_) << text; }
  std::string read() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  const std::string path_ = testing::TempDir() + "ledger_" +
                            testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(LedgerFileTest, BeginsWithItsFirstLine) {
  { ASSERT_TRUE(File::open(path_, Kind::kSent)); }
  EXPECT_EQ(read(), "relais-ledger 1 sent\n");
}

TEST_F(LedgerFileTest, IsWrittenOnAfterARestart) {
  write("relais-ledger 1 sent\nsomething\n");
  {
    auto file = File::open(path_, Kind::kSent);
    ASSERT_TRUE(file);
    file->buffer() += "more\n";
    ASSERT_TRUE(file->written());
    EXPECT_EQ(read(), "relais-ledger 1 sent\nsomething\nrelais-ledger 1 sent\n");
    ASSERT_TRUE(file->flush());
  }
  EXPECT_EQ(read(), "relais-ledger 1 sent\nsomething\nrelais-ledger 1 sent\nmore\n");
}

TEST_F(LedgerFileTest, BigBuffersGoOut) {
  auto file = File::open(path_, Kind::kReceived);
  ASSERT_TRUE(file);
  auto other = file->again();
  ASSERT_TRUE(other);
  other->buffer().assign(File::kOctetsMax, 'x');
  ASSERT_TRUE(other->written());
  EXPECT_EQ(read().size(), first_line(Kind::kReceived).size() + File::kOctetsMax);
}

TEST_F(LedgerFileTest, OfTheOtherKindOrTornIsLeftAlone) {
  for (const std::string_view text :
       {"relais-ledger 1 received\n", "relais-ledger 1 sent\naccepted 250", "Dear Kate\n"}) {
    write(text);
    const auto file = File::open(path_, Kind::kSent);
    ASSERT_FALSE(file) << text;
    EXPECT_EQ(file.error(), Error::kCorrupt);
    EXPECT_EQ(read(), text);
  }
}

TEST_F(LedgerFileTest, AFullDiskIsAnError) {
  const auto file = File::open("/dev/full", Kind::kSent);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), Error::kNoSpace);
}

}  // namespace
}  // namespace relais::ledger
