// Mail and lines of SMTP as a peer that we did not write would handle them, for the simulated
// peers.
#pragma once

#include <string>
#include <string_view>

namespace relais::test {

// Content that ends with CRLF, as it stands behind DATA.
[[nodiscard]] std::string stuffed(std::string_view content);
// Takes one line without its CRLF from the front. False: there is none yet.
[[nodiscard]] bool take_line(std::string& buffer, std::string& line);
// What stands behind the first field.
[[nodiscard]] std::string_view without_first_field(std::string_view text);

}  // namespace relais::test
