// Which certificate a client gets for the name that it asks for (SNI, RFC 6066 section 3). A
// wildcard is a whole leftmost label and stands for exactly one label (RFC 6125 6.4.3); a name
// itself beats a wildcard, and of two equal ones the earlier wins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace relais::tls {

// Letters, digits, '-', '_' and '.', perhaps behind "*."; 1 to 255 octets.
[[nodiscard]] bool is_host_name(std::string_view name);
void to_lower(std::string& name);  // ASCII

class NameTable {
 public:
  // `name` in lower case. False: it was there already, or is a wildcard that matches nothing.
  bool add(const std::string& name, uint32_t index);
  // In any case, with or without a dot at its end.
  [[nodiscard]] std::optional<uint32_t> find(std::string_view name) const;

 private:
  std::unordered_map<std::string, uint32_t> index_of_;
};

}  // namespace relais::tls
