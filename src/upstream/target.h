// Where a connector's mail goes, and how its upstreams are spoken to. Values; targets that are
// equal share connections.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "smtp/auth_exchange.h"
#include "smtp/opening.h"
#include "tls/client_context.h"

namespace relais::upstream {

// Of the Send connector that a Receive connector names; as it is, in the clear and to nobody in
// particular.
struct Way {
  bool chunking = true;
  smtp::StartTls start_tls = smtp::StartTls::kNever;
  bool implicit_tls = false;                      // with the first octet
  bool proves_itself = false;                     // no TLS but with a server of the right name
  std::shared_ptr<const tls::ClientContext> tls;  // null: TLS is not spoken
  std::string tls_name;                           // to ask for; empty: the address
  std::shared_ptr<const smtp::Credentials> credentials;  // null: nobody logs on
  bool auth_in_clear = false;
  bool proxy_header = false;  // a PROXY header, version 2, in front of everything
  bool xclient = false;       // XCLIENT, and nothing where it is not offered

  // A connection is one client's.
  [[nodiscard]] bool names_clients() const { return proxy_header || xclient; }
  [[nodiscard]] bool requires_tls() const {
    return implicit_tls || start_tls == smtp::StartTls::kRequired;
  }
  friend bool operator==(const Way&, const Way&) = default;
};

// A Send connector, as Receive connectors use it. By name.
struct Route {
  std::vector<Endpoint> hosts;
  Way way;
};
using Routes = std::map<std::string, Route, std::less<>>;

struct Target {
  std::vector<Endpoint> hosts;  // 1 to Balancer::kHostsMax
  std::string ehlo_name;
  Duration timeout = minutes(5);   // for a reply; twice that for the one to the end of data
  uint32_t connections_max = 100;  // a host, on one core
  Way way{};
  friend bool operator==(const Target&, const Target&) = default;
};

}  // namespace relais::upstream
