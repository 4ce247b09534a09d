#include "config/csv.h"

#include <algorithm>

namespace relais::config {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

CsvRows::CsvRows(std::string_view text) : rest_(text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
}

bool CsvRows::next() {
  if (rest_.empty()) return false;
  row_.line = line_;
  row_.columns = 0;
  row_.broken = false;
  for (std::string& field : row_.fields) field.clear();
  for (;;) {
    read_field();
    if (row_.broken || rest_.empty()) return true;
    const char end = rest_.front();
    rest_.remove_prefix(1);
    if (end != ',') break;
  }
  ++line_;
  return true;
}

// Leaves the comma or LF behind it in front.
void CsvRows::read_field() {
  std::string& field = row_.columns < row_.fields.size() ? row_.fields[row_.columns] : spare_;
  ++row_.columns;
  const std::string_view line = rest_.substr(0, rest_.find_first_of(",\n"));
  const std::string_view start = trimmed(line);
  if (start.starts_with('"')) {
    rest_.remove_prefix(static_cast<size_t>(start.data() - rest_.data()) + 1);
    read_quoted(field);
    return;
  }
  rest_.remove_prefix(line.size());
  const bool at_line_end = rest_.empty() || rest_.front() == '\n';
  field = trimmed(at_line_end && line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
}

void CsvRows::read_quoted(std::string& field) {
  field.clear();
  for (;;) {
    const size_t quote = rest_.find('"');
    if (quote == std::string_view::npos) {
      row_.broken = true;
      return;
    }
    const std::string_view part = rest_.substr(0, quote);
    line_ += static_cast<uint32_t>(std::count(part.begin(), part.end(), '\n'));
    field += part;
    rest_.remove_prefix(quote + 1);
    if (!rest_.starts_with('"')) break;
    field += '"';
    rest_.remove_prefix(1);
  }
  const std::string_view behind = rest_.substr(0, rest_.find_first_of(",\n"));
  rest_.remove_prefix(behind.size());
  row_.broken = !trimmed(behind).empty() && trimmed(behind) != "\r";
}

}  // namespace relais::config
