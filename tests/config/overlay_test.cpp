// A folder as it would be, and files that are replaced whole.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "config/write_file.h"
#include "folder.h"

namespace relais::config {
namespace {

namespace fs = std::filesystem;

struct GoodFolder : Folder {
  GoodFolder() { write("relais.toml", kGoodMain).write("connectors/in.toml", kGoodConnector); }
};

TEST(Overlay, ATextStandsOverAFile) {
  const GoodFolder folder;
  ASSERT_TRUE(load(folder.path()).ok);
  std::string wrong(kGoodConnector);
  wrong += "enabled = 5\n";
  const Loaded loaded = load(folder.path(), {}, {{"connectors/in.toml", wrong}});
  EXPECT_FALSE(loaded.ok);
  ASSERT_EQ(loaded.findings.size(), 1U);
  EXPECT_EQ(sentence(loaded.findings[0]),
            "enabled: found a whole number (5). Write true or false. [R005]");
  EXPECT_EQ(loaded.findings[0].line, 5U);
  EXPECT_TRUE(load(folder.path()).ok);
}

TEST(Overlay, AFileThatIsNotThereYetAndOneThatIsGone) {
  const GoodFolder folder;
  std::string second(kGoodConnector);
  second.replace(second.find("In"), 2, "Two");
  second.replace(second.find("5.0/24"), 6, "6.0/24");
  EXPECT_EQ(load(folder.path() + "/", {}, {{"connectors/a.toml", second}})
                .model.receive_connectors.size(),
            2U);
  EXPECT_TRUE(
      load(folder.path(), {}, {{"connectors/in.toml", std::nullopt}, {"connectors/a.toml", second}})
          .ok);
  EXPECT_FALSE(load(folder.path(), {}, {{"connectors/in.toml", std::nullopt}}).ok);
}

TEST(Overlay, AnEmptyFolderCanBeFilled) {
  const Folder folder;
  EXPECT_TRUE(load(folder.path(), {},
                   {{"relais.toml", std::string(kGoodMain)},
                    {"connectors/in.toml", std::string(kGoodConnector)}})
                  .ok);
  EXPECT_TRUE(load(folder.path() + "/not-there", {},
                   {{"relais.toml", std::string(kGoodMain)},
                    {"connectors/in.toml", std::string(kGoodConnector)}})
                  .ok);
}

mode_t mode_of(const std::string& path) {
  struct stat about {};
  return stat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

TEST(WriteFile, ReplacesWholeAndKeepsTheMode) {
  GoodFolder folder;
  const std::string path = folder.path() + "/relais.toml";
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  ASSERT_TRUE(write_file(path, "new"));
  EXPECT_EQ(read_text(path), "new");
  EXPECT_EQ(mode_of(path), 0640U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2);
}

TEST(WriteFile, ALinkStaysALink) {
  GoodFolder folder;
  const std::string link = folder.path() + "/connectors/link.toml";
  fs::create_symlink(folder.path() + "/relais.toml", link);
  ASSERT_TRUE(write_file(link, "new"));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(read_text(folder.path() + "/relais.toml"), "new");
}

TEST(WriteFile, CreatingNeverReplaces) {
  GoodFolder folder;
  const auto again = create_file(folder.path() + "/relais.toml", "new");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error(), folder.path() + "/relais.toml: File exists");
  EXPECT_EQ(read_text(folder.path() + "/relais.toml"), kGoodMain);
  ASSERT_TRUE(create_file(folder.path() + "/x.toml", "new"));
  EXPECT_EQ(mode_of(folder.path() + "/x.toml"), 0644U);
  EXPECT_FALSE(create_file(folder.path() + "/no/x.toml", "new"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 3);
}

TEST(WriteFile, OneLockAFolder) {
  const Folder folder;
  {
    const auto first = FolderLock::take(folder.path(), 0);
    ASSERT_TRUE(first);
    const auto second = FolderLock::take(folder.path(), 50);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), folder.path() + ": another program is changing it");
  }
  EXPECT_TRUE(FolderLock::take(folder.path(), 0));
  EXPECT_FALSE(FolderLock::take(folder.path() + "/no", 0));
}

}  // namespace
}  // namespace relais::config
