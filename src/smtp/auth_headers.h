// The fields that tell a server behind us how a message's sender was known (exchange-reference.md
// section 6), for connectors that stamp them. HeaderRules::stamped keeps forged ones away.
#pragma once

#include <string>
#include <string_view>

namespace relais::smtp {

struct AuthStamp {
  bool internal = false;       // AuthAs: Internal, else Anonymous
  std::string_view source;     // AuthSource: the name of this server
  std::string_view mechanism;  // AuthMechanism, two hexadecimal digits; empty: no such field
};

inline constexpr std::string_view kExternallySecured = "10";  // AuthMechanism

// Appends X-MS-Exchange-Organization-AuthAs, -AuthSource and -AuthMechanism, each with its CRLF.
void append_auth_headers(std::string& out, const AuthStamp& stamp);

}  // namespace relais::smtp
