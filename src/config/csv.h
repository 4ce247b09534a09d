// Rows of a CSV file (RFC 4180): fields between commas, in double quotes where they hold commas,
// line ends or quotes (which are doubled). Lines end with LF or CRLF; a byte order mark in front is
// skipped. Blanks around a field without quotes are not part of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace relais::config {

struct CsvRow {
  uint32_t line = 0;                  // on which it begins
  size_t columns = 0;                 // also more than there are fields
  std::array<std::string, 2> fields;  // the first ones
  bool broken = false;                // a quote that does not end, or has text behind it
  [[nodiscard]] bool is_empty() const { return columns == 1 && fields[0].empty(); }
};

class CsvRows {
 public:
  // `text` is borrowed.
  explicit CsvRows(std::string_view text);
  // False: there is no further row.
  [[nodiscard]] bool next();
  [[nodiscard]] const CsvRow& row() const { return row_; }

 private:
  void read_field();
  void read_quoted(std::string& field);

  std::string_view rest_;
  uint32_t line_ = 1;
  CsvRow row_;
  std::string spare_;  // for fields beyond those of a row
};

}  // namespace relais::config
