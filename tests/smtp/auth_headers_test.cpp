#include "smtp/auth_headers.h"

#include <gtest/gtest.h>

namespace relais::smtp {
namespace {

TEST(AuthHeaders, SayHowTheSenderWasKnown) {
  std::string out = "Received: x\r\n";
  append_auth_headers(out, {.source = "relay.contoso.com", .mechanism = {}});
  EXPECT_EQ(out,
            "Received: x\r\n"
            "X-MS-Exchange-Organization-AuthAs: Anonymous\r\n"
            "X-MS-Exchange-Organization-AuthSource: relay.contoso.com\r\n");
  out.clear();
  append_auth_headers(
      out, {.internal = true, .source = "relay.contoso.com", .mechanism = kExternallySecured});
  EXPECT_EQ(out,
            "X-MS-Exchange-Organization-AuthAs: Internal\r\n"
            "X-MS-Exchange-Organization-AuthSource: relay.contoso.com\r\n"
            "X-MS-Exchange-Organization-AuthMechanism: 10\r\n");
}

}  // namespace
}  // namespace relais::smtp
