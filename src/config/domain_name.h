// The shape of a DNS name, and nothing about whether it exists.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace relais::config {

// The name in lower case, or a static phrase that says what is wrong with it. Letters, digits and
// hyphens; labels of 1 to 63, 253 in all; no trailing dot; an IP address is none.
[[nodiscard]] std::expected<std::string, std::string_view> parse_domain_name(std::string_view text);

// The same, with an optional "*." in front.
[[nodiscard]] std::expected<std::string, std::string_view> parse_domain_pattern(
    std::string_view text);

}  // namespace relais::config
