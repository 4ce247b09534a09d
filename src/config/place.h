// Where a finding belongs: file, line and key path, with the list that it goes to. Readers carry
// one along and report to it; nothing is thrown and nothing stops at the first mistake.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/load.h"

namespace relais::config {

class Place {
 public:
  Place(std::vector<Finding>& findings, std::string folder, std::string file)
      : findings_(&findings), folder_(std::move(folder)), file_(std::move(file)) {}

  // `allowed` completes "Write ...": what may stand under this key.
  [[nodiscard]] Place key(std::string_view name, uint32_t line, std::string allowed = {}) const;
  [[nodiscard]] Place element(size_t index, uint32_t line) const;
  [[nodiscard]] Place at_line(uint32_t line) const;

  void error(Rule rule, std::string what, std::string cure) const;
  void warning(Rule rule, std::string what, std::string cure) const;
  // An error whose cure is "Write <allowed>".
  void wrong(std::string what, Rule rule = Rule::kNotAllowed) const;
  // The same for a value of another type than the key takes.
  void wrong_type(const Value& found) const;

  [[nodiscard]] const std::string& folder() const {
    return folder_;
  }  // of the configuration, as given
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] uint32_t line() const { return line_; }

 private:
  std::vector<Finding>* findings_;
  std::string folder_;
  std::string file_;
  std::string path_;  // "send_connector[0].name"
  std::string allowed_;
  uint32_t line_ = 0;
};

}  // namespace relais::config
