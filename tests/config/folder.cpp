#include "folder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace relais::config {

namespace fs = std::filesystem;

Folder::Folder() {
  std::string name = (fs::temp_directory_path() / "relais-config-XXXXXX").string();
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  path_ = name;
  fs::create_directory(path_ + "/connectors");
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Folder& Folder::write(const std::string& name, std::string_view text) {
  std::ofstream(path_ + '/' + name, std::ios::binary) << text;
  return *this;
}

Folder& Folder::remove(const std::string& name) {
  fs::remove_all(path_ + '/' + name);
  return *this;
}

Folder& Folder::machine(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) addresses_.push_back(*IpAddress::parse(address));
  return *this;
}

Loaded Folder::load() const { return config::load(path_); }

std::vector<std::string> Folder::numbered_findings() const {
  std::vector<std::string> texts;
  for (const Finding& finding : config::load(path_, addresses_).findings) {
    std::string text = to_string(finding);
    for (size_t at = 0; (at = text.find(path_, at)) != std::string::npos;) {
      text.replace(at, path_.size(), "DIR");
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

std::vector<std::string> Folder::findings() const {
  std::vector<std::string> texts = numbered_findings();
  for (std::string& text : texts) {
    const size_t bracket = text.rfind(" [");
    const bool numbered = bracket != std::string::npos && text.ends_with(']') &&
                          rule_from_id(text.substr(bracket + 2, text.size() - bracket - 3));
    EXPECT_TRUE(numbered) << "no rule number at the end of: " << text;
    if (numbered) text.resize(bracket);
  }
  return texts;
}

}  // namespace relais::config
