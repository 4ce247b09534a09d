// What the front tells about its work: one call a session's beginning and end, a message taken and
// a refusal (never one a byte). Views and pointers are valid for the length of the call. The admin
// room writes them to the log and counts them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/guid.h"
#include "base/ip.h"
#include "policy/address_range.h"
#include "policy/limit_set.h"
#include "smtp/reply.h"
#include "smtp/transaction.h"
#include "upstream/observer.h"

namespace relais::front {

struct Client {
  std::string_view connector;                   // empty: none served this address
  const policy::AddressRange* range = nullptr;  // the connector's entry that won; null: none
  Endpoint remote;
  Endpoint local;
  std::string_view hello;
  Duration age{};  // since the connection was accepted
  // Of a MAIL that waits for its answer, or was refused behind its path; nullopt: none was read.
  std::optional<std::string_view> asked_sender = {};
  std::string_view upstream = {};     // that has the message, or was to have it; empty: none
  bool upstream_without_dsn = false;  // ... which does not offer DSN
  std::string_view user = {};         // who has authenticated, or tried to
  Endpoint via = {};                  // the proxy that has named it; port 0: none has
  std::string_view partner = {};      // of domain_secure_domains, by the client's certificate
  bool discards = false;              // its connector throws away what it takes
  bool at_data_end = false;           // the transaction is a message whose content has come
};

class Observer : public upstream::Observer {
 public:
  // A connector has taken a connection; on_closed() follows for each.
  virtual void on_opened(const Client& /*client*/) {}
  virtual void on_closed(const Client& /*client*/) {}
  // A connection was closed without a word, because of what came (or did not) instead of a PROXY
  // header. `client` is the peer itself.
  virtual void on_turned_away(const Client& /*client*/, std::string_view /*reason*/) {}
  // 250 has been said: the message is durable, or client.upstream has it, or (client.discards)
  // nobody has.
  virtual void on_taken(const Client& client, const smtp::Transaction& transaction, const Guid& id,
                        uint64_t octets, const smtp::Reply& reply, Duration since_mail) = 0;
  // A command (or a whole message, or the connection) was refused. `recipient`: of a RCPT. `reply`:
  // code 0 when nobody was answered (a TLS handshake that failed).
  virtual void on_refused(const Client& client, std::string_view command,
                          const smtp::Transaction& transaction, std::string_view recipient,
                          const smtp::Reply& reply, std::string_view reason) = 0;
  // 250 has been said, and the message thrown away, because a milter wanted it so.
  virtual void on_discarded(const Client& /*client*/, const smtp::Transaction& /*transaction*/,
                            const Guid& /*id*/, uint64_t /*octets*/, std::string_view /*reason*/) {}
  // The milter could not be asked about a message (any more), and milter_default_action accepts it.
  virtual void on_unfiltered(const Client& /*client*/, const smtp::Transaction& /*transaction*/,
                             const Guid& /*id*/, std::string_view /*reason*/) {}
  // No upstream answers, and proxy_fallback puts the message that begins here into the queue.
  virtual void on_fallback(const Client& /*client*/, const smtp::Transaction& /*transaction*/,
                           std::string_view /*reason*/) {}
  // A limit makes the client wait, or (`shadow`) would have done something; once a session and
  // limit.
  virtual void on_limited(const Client& /*client*/, const smtp::Transaction& /*transaction*/,
                          const policy::LiveLimit& /*limit*/, const policy::LimitLevel& /*level*/,
                          Duration /*wait*/, bool /*shadow*/, std::string_view /*id*/) {}
  // A milter cannot be used, or can again.
  virtual void on_milter(std::string_view /*milter*/, bool /*usable*/, std::string_view /*why*/,
                         WallTime /*next_attempt*/) {}
};

}  // namespace relais::front
