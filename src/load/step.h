// What a session waits for, and what is measured: each has its own latencies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace relais::load {

enum class Step : uint8_t {
  kConnect,    // the TCP handshake
  kTls,        // the TLS handshake
  kBanner,     // from connected (or in TLS) to the greeting
  kHello,      // EHLO
  kStartTls,   // the answer to STARTTLS
  kAuth,       // from AUTH to the answer to the last response
  kMail,       // from the command, or the pipelined group it is in, to its answer
  kRecipient,  // RCPT
  kData,       // to 354
  kContent,    // from the content to the answer that decides about the message
  kReset,      // RSET
  kQuit,
  kMessage,  // a whole message: from when it was due (open loop), or from MAIL (closed loop)
};
inline constexpr size_t kSteps = 13;

[[nodiscard]] constexpr std::string_view name_of(Step step) {
  constexpr std::string_view kNames[kSteps] = {"connect", "TLS",  "banner", "EHLO", "STARTTLS",
                                               "AUTH",    "MAIL", "RCPT",   "DATA", "content",
                                               "RSET",    "QUIT", "message"};
  return kNames[static_cast<size_t>(step)];
}

}  // namespace relais::load
