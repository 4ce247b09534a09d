#include "policy/connector.h"

#include "policy/ascii.h"

namespace relais::policy {
namespace {

constexpr Rights mask(Right right) { return static_cast<Rights>(right); }

// What the permission group AnonymousUsers writes (exchange-reference.md section 3, column
// Anonymous).
constexpr Rights kAnonymousUsersRights = mask(Right::kSubmit) | mask(Right::kAcceptAnySender) |
                                         mask(Right::kAcceptAuthoritativeSender) |
                                         mask(Right::kAcceptHeadersRouting);

}  // namespace

std::string_view name_of(Right right) {
  switch (right) {
    case Right::kSubmit:
      return "ms-Exch-SMTP-Submit";
    case Right::kAcceptAnyRecipient:
      return "ms-Exch-SMTP-Accept-Any-Recipient";
    case Right::kAcceptAnySender:
      return "ms-Exch-SMTP-Accept-Any-Sender";
    case Right::kAcceptAuthoritativeSender:
      return "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender";
    case Right::kAcceptHeadersRouting:
      return "ms-Exch-Accept-Headers-Routing";
  }
  return "";
}

std::optional<Right> right_from_name(std::string_view name) {
  for (const Right right : kAllRights) {
    if (equal_ignoring_case(name_of(right), name)) return right;
  }
  return std::nullopt;
}

Rights ReceiveConnector::anonymous_rights() const {
  Rights allowed = anonymous_users ? kAnonymousUsersRights : 0;
  Rights denied = 0;
  for (const Ace& ace : permissions) {
    if (!equal_ignoring_case(ace.user, kAnonymousLogon)) continue;
    (ace.deny ? denied : allowed) |= ace.rights;
  }
  return allowed & ~denied;
}

}  // namespace relais::policy
