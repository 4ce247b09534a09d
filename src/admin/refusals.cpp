#include "admin/refusals.h"

#include <array>

namespace relais::admin {
namespace {

struct RefusalRow {
  std::string_view name;
  std::string_view description;
};

constexpr std::array<RefusalRow, kRefusals> kRefusalRows{{
    {"no_connector", "no connector for the address"},
    {"connections", "too many connections"},
    {"limit", "a limit"},
    {"authentication", "not authenticated"},
    {"sender", "sender not allowed"},
    {"relay", "unable to relay"},
    {"recipient", "recipient refused"},
    {"content", "content"},
    {"milter", "milter"},
    {"upstream", "refused by an upstream, or none answers"},
    {"protocol", "protocol error"},
    {"timeout", "timeout"},
    {"resources", "no room or no write here"},
}};

bool is(const smtp::Reply& reply, uint16_t subject, uint16_t detail) {
  return reply.status.subject == subject && reply.status.detail == detail;
}

}  // namespace

Refusal classify(std::string_view connector, std::string_view command, const smtp::Reply& reply,
                 std::string_view reason) {
  using enum Refusal;
  if (connector.empty()) return kNoConnector;
  if (command == "connect") return reply.status.subject == 3 ? kConnections : kLimit;
  if (command == "timeout") return kTimeout;
  if (reason.starts_with("limit ")) return kLimit;
  if (command == "TLS") return kProtocol;
  if (reason.find("milter") != std::string_view::npos) return kMilter;
  if (reason.starts_with("upstream ") || reason.starts_with("no upstream")) return kUpstream;
  const bool protocol = reason == "protocol";
  if (command == "AUTH" && !protocol) return kAuthentication;
  if (reply.code == 530 || reply.code == 535) return kAuthentication;
  // Too many recipients (5.3), a rate (7.1 with 4xx, Exchange's 4.4.2 and 4.7.x).
  if (is(reply, 5, 3)) return kLimit;
  if (reply.transient() && reply.status.subject == 3) return kResources;
  if (reply.transient() && !protocol) return kLimit;
  // SIZE= is refused at MAIL, before there is content, but it is the content that is meant.
  if (is(reply, 3, 4) || reply.status.subject == 6 || is(reply, 4, 6)) return kContent;
  if (protocol) return kProtocol;
  if (command == "MAIL") return kSender;
  if (command == "RCPT") return reply.text.starts_with("Unable to relay") ? kRelay : kRecipient;
  return kContent;
}

std::string_view name_of(Refusal refusal) {
  return kRefusalRows[static_cast<size_t>(refusal)].name;
}

std::string_view describe(Refusal refusal) {
  return kRefusalRows[static_cast<size_t>(refusal)].description;
}

std::optional<Refusal> refusal_of(std::string_view name) {
  for (size_t i = 0; i < kRefusalRows.size(); ++i) {
    if (kRefusalRows[i].name == name) return static_cast<Refusal>(i);
  }
  return std::nullopt;
}

}  // namespace relais::admin
