// A limit as a connector's file states it (design.md section 3, Limits): what is counted, by which
// key, how many in what time, and what happens to the rest. A value; made by config, or from
// Exchange's parameters by limits_of(); compiled into live buckets by Limits (policy/limits.h).
//
// A rate limit lets burst events pass at once and rate.count in each rate.period after that: over
// any window of length T no more than burst + T * rate. A concurrent limit has no rate: at most
// `burst` at one time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"

namespace relais::policy {

// What is counted, and when (docs/limits.md says what is given back):
enum class Measure : uint8_t {
  kConnections,    // a connection, when it is accepted
  kConcurrent,     // connections at one time
  kMessages,       // MAIL
  kRecipients,     // RCPT
  kBytes,          // octets of content, as they arrive
  kCommands,       // each command line
  kErrors,         // each 5xx that the client was answered
  kAuthFailures,   // each failed AUTH
  kTlsHandshakes,  // each TLS handshake, begun
};
inline constexpr size_t kMeasures = 9;

// Who shares one bucket.
enum class LimitKey : uint8_t {
  kConnector,        // all its clients together
  kSource,           // the client's address
  kSourcePrefix,     // the network that the address is in: prefix_v4, prefix_v6
  kSender,           // the address in MAIL; all of <> together
  kSenderDomain,     // its domain
  kUser,             // who has authenticated; the sender where nobody has
  kRecipientDomain,  // the domain in RCPT
};
inline constexpr size_t kLimitKeys = 7;

enum class LimitAction : uint8_t {
  kDelay,   // the reply waits until it conforms, and reading stops
  kDefer,   // a 4xx that says when
  kClose,   // 421
  kShadow,  // count and log what would have been
};

// Where a limit was written: Exchange's parameters have reply texts of their own.
enum class LimitOrigin : uint8_t {
  kLimit,             // [[limit]]
  kMessageRate,       // message_rate_limit
  kMaxInbound,        // max_inbound_connection
  kMaxPerSource,      // max_inbound_connection_per_source
  kPercentPerSource,  // max_inbound_connection_percentage_per_source: burst is the percentage
  kConnectionRate,    // max_connection_rate_per_minute, of the server
};

struct Rate {
  uint64_t count = 0;
  Duration period{};  // > 0
  friend bool operator==(const Rate&, const Rate&) = default;
};

// What happens from `percent` of the limit on. Each step is a bucket of its own with rate and burst
// times percent / 100; those above the first count every attempt, so that they tell how far a
// client goes beyond what it gets.
struct LimitStep {
  LimitAction action = LimitAction::kDefer;
  uint32_t percent = 100;
  friend bool operator==(const LimitStep&, const LimitStep&) = default;
};

// What a client with IPv6 is counted by where only the prefix of IPv4 is written: a /64 is one
// site's network, and whoever has one has all its addresses.
inline constexpr uint8_t kUsualPrefixV6 = 64;

struct Limit {
  Measure measure = Measure::kMessages;
  LimitKey key = LimitKey::kConnector;
  uint8_t prefix_v4 = 32;   // kSourcePrefix: bits of an IPv4 client
  uint8_t prefix_v6 = 128;  // and of an IPv6 client
  Rate rate;                // not of kConcurrent
  uint64_t burst = 0;       // events or octets, >= 1; kConcurrent: the most at one time
  // Percent ascending, from 100. (Not as {LimitStep{}}: GCC 12 warns of that without a reason.)
  std::vector<LimitStep> steps = std::vector<LimitStep>(1);
  Duration max_delay = seconds(30);  // kDelay: beyond it the reply is a 4xx
  LimitOrigin origin = LimitOrigin::kLimit;
  friend bool operator==(const Limit&, const Limit&) = default;

  // "messages/source", "bytes/source/24", "bytes/source/24,48": unique among the connector's own
  // limits. "source/24" is 24 bits of IPv4 and 64 of IPv6, "source/48" a whole IPv4 address and 48
  // bits of IPv6.
  [[nodiscard]] std::string name() const;
  // As logs, metrics and reports call it: the parameter of Exchange's that it came from, or its
  // name.
  [[nodiscard]] std::string shown_name() const;
};

// "messages", "source", "delay": as configurations write them.
[[nodiscard]] std::string_view name_of(Measure measure);
[[nodiscard]] std::string_view name_of(LimitKey key);
[[nodiscard]] std::string_view name_of(LimitAction action);
// "message_rate_limit": the parameter that is its origin; empty: [[limit]].
[[nodiscard]] std::string_view parameter_of(LimitOrigin origin);
// "min", "s", "15s": what follows the slash of a rate.
[[nodiscard]] std::string period_text(Duration period);
// "600/min", "5/s", "10/15s".
[[nodiscard]] std::string to_string(const Rate& rate);

// May this measure be counted by this key?
[[nodiscard]] bool goes_with(Measure measure, LimitKey key);

}  // namespace relais::policy
