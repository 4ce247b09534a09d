#include "folder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "shell/shell.h"

namespace relais::shell {

namespace fs = std::filesystem;

TestFolder::TestFolder(bool with_main) {
  std::string name = (fs::temp_directory_path() / "relais-shell-XXXXXX").string();
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  path_ = name;
  if (!with_main) return;
  fs::create_directory(path_ + "/connectors");
  write("relais.toml", kMain);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TestFolder::run(std::string_view lines) {
  console.said.clear();
  console.printed.clear();
  Shell shell(path_, console);
  shell.run(lines);
  failed = shell.failed();
  std::string text = console.said;
  constexpr std::string_view kNoServer = "No server runs with data_dir ";
  said_that_no_server_runs = false;
  if (const size_t at = text.find(kNoServer); at != std::string::npos) {
    said_that_no_server_runs = true;
    text.erase(at, text.find('\n', at) + 1 - at);
    EXPECT_EQ(text.find(kNoServer), std::string::npos) << "said twice";
  }
  for (size_t at = 0; (at = text.find(path_, at)) != std::string::npos;) {
    text.replace(at, path_.size(), "DIR");
  }
  return text;
}

std::string TestFolder::printed(std::string_view lines) {
  EXPECT_EQ(run(lines), "");
  return console.printed;
}

void TestFolder::write(const std::string& name, std::string_view text) const {
  std::ofstream(path_ + '/' + name, std::ios::binary) << text;
}

std::string TestFolder::read(const std::string& name) const {
  std::ifstream file(path_ + '/' + name, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::map<std::string, std::string> TestFolder::tree() const {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(path_)) {
    const std::string name = entry.path().lexically_relative(path_).string();
    if (name == "audit.log" || name == "data/audit.log") continue;
    files[name] = entry.is_regular_file() ? read(name) : "";
  }
  return files;
}

}  // namespace relais::shell
