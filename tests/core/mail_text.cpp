#include "core/mail_text.h"

namespace relais::test {

std::string stuffed(std::string_view content) {
  std::string out;
  while (!content.empty()) {
    const size_t end = content.find("\r\n") + 2;
    if (content.front() == '.') out += '.';
    out += content.substr(0, end);
    content.remove_prefix(end);
  }
  return out;
}

bool take_line(std::string& buffer, std::string& line) {
  const size_t end = buffer.find("\r\n");
  if (end == std::string::npos) return false;
  line = buffer.substr(0, end);
  buffer.erase(0, end + 2);
  return true;
}

std::string_view without_first_field(std::string_view text) {
  size_t end = text.find("\r\n");
  while (end != std::string_view::npos && end + 2 < text.size() &&
         (text[end + 2] == ' ' || text[end + 2] == '\t')) {
    end = text.find("\r\n", end + 2);
  }
  return end == std::string_view::npos ? std::string_view{} : text.substr(end + 2);
}

}  // namespace relais::test
