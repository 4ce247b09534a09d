// What is counted about upstreams: since the start, and how they stand now. Values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace relais::upstream {

// Why a connection was of no use, or of no more use.
enum class Failure : uint8_t {
  kConnect,   // it could not be made
  kRefused,   // the greeting or the hello was a refusal, or 421 came
  kClosed,    // it was closed, or reset
  kSilent,    // no answer in time
  kProtocol,  // what was said makes no sense there (smtp/stream_client.h)
  kTls,       // there is none, or not as the connector wants it
  kLogon,     // it does not let us log on
};
inline constexpr size_t kFailures = 7;

constexpr std::string_view name_of(Failure failure) {
  constexpr std::array<std::string_view, kFailures> kNames = {
      "connect", "refused", "closed", "silent", "protocol", "tls", "logon"};
  return kNames[static_cast<size_t>(failure)];
}

}  // namespace relais::upstream
