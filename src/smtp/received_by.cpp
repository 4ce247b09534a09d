#include "smtp/received_by.h"

#include <algorithm>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

constexpr size_t kNameMax = 255;  // RFC 1035 2.3.4

constexpr bool ends_word(char c) {
  constexpr std::string_view kEnds = " \t\r\n()[]<>,;\"";
  return kEnds.find(c) != std::string_view::npos;
}

constexpr bool begins_clause(std::string_view word) {
  return word == "with" || word == "via" || word == "id" || word == "for" || word == "from";
}

}  // namespace

void ReceivedBy::begin(const std::vector<std::string>& names) {
  names_ = &names;
  part_ = names.empty() ? Part::kOver : Part::kBefore;
  word_.clear();
  depth_ = 0;
}

bool ReceivedBy::scan(std::string_view value) {
  for (const char c : value) {
    if (!ends_word(c)) {
      if (word_.size() <= kNameMax) word_ += to_lower(c);
      continue;
    }
    const bool found = !word_.empty() && end_of_word(word_);
    word_.clear();
    if (found) return true;
    if (c == '(' && depth_ != UINT32_MAX) ++depth_;
    if (c == ')' && depth_ != 0) --depth_;
    if (c == ';' && depth_ == 0) stop();
    if (!active()) return false;
  }
  return false;
}

bool ReceivedBy::end_of_word(std::string_view word) {
  if (part_ == Part::kBefore) {
    if (depth_ == 0 && word == "by") part_ = Part::kBy;
    return false;
  }
  if (depth_ == 0 && begins_clause(word)) {
    stop();
    return false;
  }
  constexpr std::string_view kTag = "ipv6:";  // RFC 5321 4.1.3
  if (word.starts_with(kTag)) word.remove_prefix(kTag.size());
  if (std::find(names_->begin(), names_->end(), word) == names_->end()) return false;
  stop();
  return true;
}

}  // namespace relais::smtp
