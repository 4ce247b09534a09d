// A milter's own SMTP reply (SMFIR_REPLYCODE): "550 5.7.1 text", perhaps several lines. Checked, so
// that a milter can neither say yes with it nor put a line of its own into the dialogue.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais::milter {

struct ReplyCode {
  uint16_t code = 0;                   // 400 to 599
  std::array<uint16_t, 3> enhanced{};  // x.y.z; x is 0 when there is none
  std::string text;                    // printable ASCII; lines joined by a blank
};

// Nothing: no 4xx or 5xx reply, or something in it is not printable.
[[nodiscard]] std::optional<ReplyCode> parse_reply_code(std::string_view text);

}  // namespace relais::milter
