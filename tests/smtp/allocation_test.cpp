// The server allocates nothing for a message once its strings have grown: counted at operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "smtp/server.h"

namespace {
size_t allocations = 0;
}

void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace relais::smtp {
namespace {

class OneName : public DisplayNames {
 public:
  [[nodiscard]] std::string_view find(std::string_view) const override {
    return "Chris with a long name";
  }
};

// Feeds `bytes` in pieces and says yes to everything.
void run(Server& server, std::string_view bytes, size_t piece) {
  while (!bytes.empty()) {
    server.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      const Event event = server.next();
      if (event.kind == Event::Kind::kNeedInput) break;
      if (event.is_question()) server.answer({replies::kNoop});
    }
    server.output_consumed(server.output().size());
  }
}

TEST(Allocations, AreNoneForAHelloAfterTheFirst) {
  ServerOptions options;
  options.auth = true;
  options.auth_needs_tls = false;
  Server server(options, "192.0.2.1");
  const std::string hellos =
      "EHLO a.host.with.a.long.name.contoso.com\r\nHELO a.host.with.a.long.name.contoso.com\r\n";
  run(server, hellos, SIZE_MAX);
  const size_t before = allocations;
  run(server, hellos, SIZE_MAX);
  EXPECT_EQ(allocations - before, 0U);
}

TEST(Allocations, AreNoneForAMessageAfterTheFirst) {
  ServerOptions options;
  options.max_protocol_errors = UINT32_MAX;
  options.header.keep_routing = false;
  options.header.own_names = {"relay.contoso.com"};
  const OneName name;
  options.header.display_names = &name;
  Server server(options, "192.0.2.1");
  run(server, "EHLO app.contoso.com\r\n", SIZE_MAX);
  const std::string message =
      "MAIL FROM:<chris.with.a.long.name@contoso.com> SIZE=1000\r\nRCPT TO:<kate@fabrikam.com>\r\n"
      "RCPT TO:<somebody.else@fabrikam.com>\r\nFOO\r\nDATA\r\nReceived: from a "
      "by a.host.with.a.longer.name.contoso.com\r\n with x; y\r\nFrom: "
      "chris.with.a.long.name@contoso.com\r\nX-MS-Exchange-Organization-SCL: 1\r\nSubject: "
      "x\r\n\r\ntext\r\n.\r\nNOOP\r\n";
  for (const size_t piece : {message.size(), size_t{7}, size_t{1}}) {
    run(server, message, piece);
    const size_t before = allocations;
    run(server, message, piece);
    EXPECT_EQ(allocations - before, 0U) << "pieces of " << piece;
  }
  EXPECT_EQ(server.errors(), 6U);
}

}  // namespace
}  // namespace relais::smtp
