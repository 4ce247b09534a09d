// What the relay tells about deliveries: one call a group of recipients with the same fate. Views
// are valid for the call.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/guid.h"

namespace relais::relay {

struct Delivery {
  Guid id;
  std::string_view connector;  // the Receive connector that took the message
  std::string_view client;
  std::string_view sender;
  std::span<const std::string_view> recipients;
  std::string_view send_connector;  // empty: none covers the domain
  std::string_view host;            // endpoint or Maildir; empty: none was reached
  std::string_view reply;           // the next hop's words, or ours
  std::string_view tls_version;     // "TLSv1.3"; empty: it went in the clear, or nowhere
  std::string_view tls_cipher;      // IANA's name
  uint32_t attempts = 0;            // including this one
  Duration since_received;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_delivered(const Delivery& delivery) = 0;
  virtual void on_deferred(const Delivery& delivery, WallTime next_attempt) = 0;
  // Given up. `kept_in`: the folder; empty: the sender will be told.
  virtual void on_failed(const Delivery& delivery, std::string_view kept_in) = 0;
  // A notification about failed recipients is in the spool, as a message of its own.
  virtual void on_notified(const Delivery& delivery, const Guid& notification) = 0;
  // A smart host cannot be reached, or can again.
  virtual void on_host(std::string_view send_connector, std::string_view host, bool usable,
                       std::string_view why, WallTime next_attempt) = 0;
  // TLS with it failed, and it is spoken to in the clear until then.
  virtual void on_no_tls(std::string_view send_connector, std::string_view host,
                         std::string_view why, WallTime in_clear_until) = 0;
};

}  // namespace relais::relay
