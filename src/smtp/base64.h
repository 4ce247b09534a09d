// Base64 (RFC 4648 section 4) as SASL uses it (RFC 4954): no line ends, padding where it belongs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais::smtp {

[[nodiscard]] std::string encode_base64(std::string_view octets);
// Strict: nullopt for any other character, a length that is no multiple of four, padding elsewhere
// than at the end, and bits behind the last octet that are not zero. Empty gives empty.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace relais::smtp
