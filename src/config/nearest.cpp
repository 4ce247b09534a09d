#include "config/nearest.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "policy/ascii.h"

namespace relais::config {
namespace {

std::string folded(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != '_' && c != '-') plain += policy::ascii_lower(c);
  }
  return plain;
}

// Levenshtein distance, one row at a time.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& names) {
  const std::string wanted = folded(word.substr(0, 100));
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, wanted.size() / 3) + 1;
  for (const std::string_view name : names) {
    const size_t d = distance(wanted, folded(name));
    if (d < best_distance && d < name.size()) {
      best = name;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace relais::config
