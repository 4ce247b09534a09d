// A message's public name: 128 bits, printed as 8-4-4-4-12 hex digits (RFC 9562 version 8 layout).
// Ours holds the core, a boot-time salt and the message's number, so it is unique without a lock.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace relais {

struct Guid {
  uint64_t high = 0;
  uint64_t low = 0;
  friend constexpr auto operator<=>(const Guid&, const Guid&) = default;

  using Text = std::array<char, 36>;
  [[nodiscard]] Text text() const;  // lower case, no braces
};

// `salt` random for each start of the process; `number` never repeats within a core's log.
[[nodiscard]] Guid make_guid(uint64_t salt, uint16_t core, uint64_t number);

inline std::string_view view(const Guid::Text& text) { return {text.data(), text.size()}; }

}  // namespace relais
