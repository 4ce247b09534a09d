#include "shell/rows.h"

namespace relais::shell {

std::string camel_case(std::string_view key) {
  std::string name;
  bool upper = true;
  for (const char c : key) {
    if (c == '_') {
      upper = true;
    } else {
      name += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      upper = false;
    }
  }
  return name;
}

std::vector<std::string> words_of(std::string_view allowed) {
  std::vector<std::string> words;
  const bool examples = allowed.find("such as") != std::string_view::npos ||
                        allowed.find("ADDRESS") != std::string_view::npos;
  if (examples) return words;
  for (size_t at = allowed.find('"'); at != std::string_view::npos;) {
    const size_t end = allowed.find('"', at + 1);
    if (end == std::string_view::npos) break;
    words.emplace_back(allowed.substr(at + 1, end - at - 1));
    at = allowed.find('"', end + 1);
  }
  return words;
}

}  // namespace relais::shell
