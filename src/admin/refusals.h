// Kinds of refusals: what the counts of refusals are divided by. Few and fixed, so that a range
// entry's counts have a size; the full reason of each refusal stands in the message log. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "smtp/reply.h"

namespace relais::admin {

enum class Refusal : uint8_t {
  kNoConnector,     // no connector serves this address
  kConnections,     // too many at a time: 421 at connect
  kLimit,           // too many recipients, messages, octets: a limit said no
  kAuthentication,  // 530, 535: not logged in, no right to submit, no TLS
  kSender,          // at MAIL: may not send as this one
  kRelay,           // at RCPT: "Unable to relay"
  kRecipient,       // at RCPT: anything else
  kContent,         // the message: size, header, line ends, hops
  kMilter,
  kUpstream,   // of a connector that proxies: it refused, or none answers
  kProtocol,   // syntax, order, too many errors
  kTimeout,    // silent, or here for too long
  kResources,  // our trouble: disk, memory, shutting down
};
inline constexpr size_t kRefusals = 13;

// From what the front tells about a refusal (front/observer.h). `connector`: empty when none
// serves.
[[nodiscard]] Refusal classify(std::string_view connector, std::string_view command,
                               const smtp::Reply& reply, std::string_view reason);
// "relay": in JSON.
[[nodiscard]] std::string_view name_of(Refusal refusal);
// "Unable to relay": for people.
[[nodiscard]] std::string_view describe(Refusal refusal);
[[nodiscard]] std::optional<Refusal> refusal_of(std::string_view name);

}  // namespace relais::admin
