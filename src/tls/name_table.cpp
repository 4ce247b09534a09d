#include "tls/name_table.h"

#include <algorithm>

namespace relais::tls {
namespace {

constexpr size_t kNameMax = 255;

constexpr bool is_name_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

bool is_host_name(std::string_view name) {
  if (name.size() > kNameMax) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  return !name.empty() && std::ranges::all_of(name, is_name_octet);
}

void to_lower(std::string& name) {
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
}

bool NameTable::add(const std::string& name, uint32_t index) {
  // "*.com" would be a whole top level; no authority signs that.
  if (name.starts_with("*.") && name.find('.', 2) == std::string::npos) return false;
  return index_of_.emplace(name, index).second;
}

std::optional<uint32_t> NameTable::find(std::string_view name) const {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.starts_with('*') || !is_host_name(name)) return std::nullopt;
  std::string key(name);
  to_lower(key);
  if (const auto found = index_of_.find(key); found != index_of_.end()) return found->second;
  const size_t dot = key.find('.');
  if (dot == 0 || dot == std::string::npos) return std::nullopt;
  key.replace(0, dot, 1, '*');
  if (const auto found = index_of_.find(key); found != index_of_.end()) return found->second;
  return std::nullopt;
}

}  // namespace relais::tls
