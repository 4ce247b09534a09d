// A From field that says who the sender is by address alone, and the same field with a display name
// (RFC 5322 3.4, RFC 2047). Pure functions of the whole field.
#pragma once

#include <string>
#include <string_view>

namespace relais::smtp {

// The address, if `field` ("From: ...", in wire form, folds and final CRLF included) holds exactly
// one plain address with nothing beside it: `a@b` or `<a@b>`. Empty for everything else: a display
// name, a comment, a list, a group, a quoted local part, a route, a literal, octets that are not
// ASCII, a dot at a line start. A view of `field`.
[[nodiscard]] std::string_view bare_from_address(std::string_view field);

// Appends `From: "Name" <address>` with CRLF; the name as encoded words if it is not ASCII. Folded
// so that no line needs more than 76 octets, unless a word of the name or the address alone does.
// False, and nothing is appended: the name is empty, longer than kDisplayNameMax or has controls.
inline constexpr size_t kDisplayNameMax = 512;
[[nodiscard]] bool append_from(std::string& out, std::string_view name, std::string_view address);

}  // namespace relais::smtp
