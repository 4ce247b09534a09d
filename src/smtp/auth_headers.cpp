#include "smtp/auth_headers.h"

namespace relais::smtp {

void append_auth_headers(std::string& out, const AuthStamp& stamp) {
  const auto field = [&](std::string_view name, std::string_view value) {
    out += "X-MS-Exchange-Organization-";
    out += name;
    out += value;
    out += "\r\n";
  };
  field("AuthAs: ", stamp.internal ? "Internal" : "Anonymous");
  field("AuthSource: ", stamp.source);
  if (!stamp.mechanism.empty()) field("AuthMechanism: ", stamp.mechanism);
}

}  // namespace relais::smtp
