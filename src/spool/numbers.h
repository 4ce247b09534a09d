// Numbers in the octets that the spool keeps: as they lie in memory, little endian on all machines
// that it is built for.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace relais::spool {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Takes the number that `bytes` begins with; false: too few bytes, nothing taken.
template <class T>
[[nodiscard]] bool take_number(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return true;
}

}  // namespace relais::spool
