#include "config/address_book_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include "config/csv.h"

namespace relais::config {
namespace {

using policy::AddressBook;

constexpr int kReportsMax = 20;
constexpr std::string_view kRowCure =
    "Write address,display name, and double quotes around what holds a comma";

// A code point and how many octets it took; 0 octets: not UTF-8.
struct Decoded {
  uint32_t point = 0;
  size_t octets = 0;
};

Decoded decode(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const size_t octets = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < octets) return {};
  uint32_t point = lead & (0x7fU >> octets);
  for (size_t i = 1; i < octets; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {};
    point = point << 6 | (at(i) & 0x3fU);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x1'0000};
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < kLeast[octets] || point > 0x10'ffff || surrogate) return {};
  return {point, octets};
}

constexpr bool is_control(uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029;
}

// Embeddings, overrides and isolates: they make text read as what it is not.
constexpr bool changes_direction(uint32_t point) {
  return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

// What is wrong with the name; empty: nothing.
std::string mistake_in_name(std::string_view name) {
  if (name.empty()) return "no display name";
  if (name.size() > AddressBook::kDisplayNameMax)
    return fmt::format("a display name of {} octets", name.size());
  for (std::string_view rest = name; !rest.empty();) {
    const auto [point, octets] = decode(rest);
    if (octets == 0) return "the display name is not UTF-8";
    if (is_control(point))
      return fmt::format("a control character (U+{:04X}) in the display name", point);
    if (changes_direction(point))
      return fmt::format("a character that changes the direction of writing (U+{:04X})", point);
    rest.remove_prefix(octets);
  }
  return {};
}

bool is_address(std::string_view text) {
  constexpr std::string_view kNever = "<>()[],;:\\\"";
  const size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || at + 1 == text.size()) return false;
  if (text.find('@', at + 1) != std::string_view::npos) return false;
  return text.size() <= AddressBook::kAddressMax && std::ranges::all_of(text, [&](char c) {
           return c > ' ' && c < 0x7f && kNever.find(c) == std::string_view::npos;
         });
}

class Reader {
 public:
  Reader(const Place& file, std::string_view text) : file_(&file), rows_(text) {
    book_.reserve(static_cast<size_t>(std::ranges::count(text, '\n')));
  }

  AddressBook read() {
    for (bool first = true; rows_.next(); first = false) {
      const CsvRow& row = rows_.row();
      if (row.broken) {
        error("a quoted field that does not end, or has something behind its end", kRowCure);
        break;  // what follows would be read as what it is not
      }
      if (row.is_empty()) continue;
      if (first && row.fields[0].find('@') == std::string::npos) continue;  // a heading
      add(row);
      if (reports_ > kReportsMax) break;
    }
    book_.freeze();
    return std::move(book_);
  }

 private:
  void add(const CsvRow& row) {
    const std::string& address = row.fields[0];
    const std::string& name = row.fields[1];
    if (row.columns != 2) return error(fmt::format("{} columns, not 2", row.columns), kRowCure);
    if (!is_address(address))
      return error(fmt::format("'{}' is no address", address), "Write it as chris@contoso.com");
    if (const std::string mistake = mistake_in_name(name); !mistake.empty()) {
      return error(fmt::format("{}: {}", address, mistake),
                   fmt::format("Write 1 to {} octets of text, or remove the line",
                               AddressBook::kDisplayNameMax));
    }
    switch (book_.add(address, name)) {
      case AddressBook::Added::kNew:
        break;
      case AddressBook::Added::kAgain:
        report(Rule::kRepeated,
               fmt::format("{} stands further up already, and keeps the name '{}'", address,
                           book_.find(address)),
               "Remove one of the two lines");
        break;
      case AddressBook::Added::kFull:
        error("the address book has more than 4 GiB", "Make it smaller");
        break;
    }
  }

  void error(std::string what, std::string_view cure) {
    report(Rule::kNotAllowed, std::move(what), cure);
  }

  void report(Rule rule, std::string what, std::string_view cure) {
    const Place place = file_->at_line(rows_.row().line);
    if (++reports_ > kReportsMax) {
      what = "there is more to say about this file";
      cure = "Mend what is said above first";
    }
    if (rule == Rule::kRepeated) {
      place.warning(rule, std::move(what), std::string(cure));
    } else {
      place.error(rule, std::move(what), std::string(cure));
    }
  }

  const Place* file_;
  CsvRows rows_;
  AddressBook book_;
  int reports_ = 0;
};

}  // namespace

AddressBook read_address_book(const Place& file) {
  std::ifstream stream(file.file(), std::ios::binary | std::ios::ate);
  std::string text;
  if (stream) {
    const auto size = stream.tellg();
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    stream.seekg(0);
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  }
  if (!stream) {
    file.error(Rule::kUnreadable, "cannot be read: " + std::string(std::strerror(errno)),
               "address_book must name a file that exists and is readable");
    return {};
  }
  return Reader(file, text).read();
}

}  // namespace relais::config
