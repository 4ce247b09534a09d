// What a client keeps of a connection so that the next one to the same host is resumed. A handle:
// copies are cheap and share it. Only the context that it came from, and only for the same host,
// takes it; elsewhere it is ignored.
#pragma once

#include <memory>
#include <string>

struct ssl_session_st;

namespace relais::tls {

class ClientContext;

struct Session {
  std::shared_ptr<ssl_session_st> data;  // null: none
  std::shared_ptr<const ClientContext> context;
  std::string host;
};

}  // namespace relais::tls
