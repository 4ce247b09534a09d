// What is counted about upstreams: since the start, and how they stand now. Values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  kXclient,   // it does not offer XCLIENT, and the connector wants it
  kClient,    // it does not serve the client that it was told of; others may be welcome
};
inline constexpr size_t kFailures = 9;

constexpr std::string_view name_of(Failure failure) {
  constexpr std::array<std::string_view, kFailures> kNames = {
      "connect", "refused", "closed", "silent", "protocol", "tls", "logon", "xclient", "client"};
  return kNames[static_cast<size_t>(failure)];
}

constexpr std::string_view describe(Failure failure) {
  constexpr std::array<std::string_view, kFailures> kTexts = {
      "the connection could not be made",
      "the greeting or the hello was a refusal, or `421` came",
      "it was closed, or reset, with a message on it",
      "no answer in time",
      "what it said makes no sense there (log line `upstream violation`)",
      "no TLS, or not as the Send connector wants it",
      "it does not let us log on",
      "it does not offer XCLIENT, and the Send connector wants it",
      "it does not serve the client that it was told of; it is not left alone for that"};
  return kTexts[static_cast<size_t>(failure)];
}

// Of one upstream, of one core or of several together.
struct HostFigures {
  std::string name;  // "10.0.0.20:25"
  // Since the start.
  uint64_t messages = 0;  // that it took
  uint64_t opened = 0;    // connections
  uint64_t retries = 0;   // messages that began again elsewhere, because a connection was gone
  std::array<uint64_t, kFailures> failures{};  // of connections, by Failure
  // Now.
  uint32_t connections = 0;
  uint32_t outstanding = 0;  // messages under way
  uint32_t cores = 0;        // that know it
  uint32_t left_alone = 0;   // of those: their circuits are not closed
  uint64_t shares = 0;       // of its fair share, in hundredths, over all cores; less than 100 each
                             // while it starts slowly, 0 while it is left alone

  void add(const HostFigures& other) {
    messages += other.messages;
    opened += other.opened;
    retries += other.retries;
    for (size_t i = 0; i < kFailures; ++i) failures[i] += other.failures[i];
    connections += other.connections;
    outstanding += other.outstanding;
    cores += other.cores;
    left_alone += other.left_alone;
    shares += other.shares;
  }
  friend bool operator==(const HostFigures&, const HostFigures&) = default;
};

// To the one of the same name, in the order of names.
void add_to(std::vector<HostFigures>& all, const HostFigures& more);

}  // namespace relais::upstream
