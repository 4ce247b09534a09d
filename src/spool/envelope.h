// A message's envelope as it is kept in the log. Pure codec; a decoded view borrows the bytes.
//
//   u8 version=1 | u8 flags | u64 guid high | u64 guid low | i64 received (wall, ns)
//   str connector | str client | str sender | u32 n | n * str recipient
//   with the flag for notifications: u8 ret | str envid | n * (u8 notify | str orcpt)
//   str: u16 length, octets
//
// A flag that is not known is of a newer version, and not to be ignored: the message may not be
// sent as if it were not there.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/guid.h"

namespace relais::spool {

struct Envelope {
  Guid guid;
  WallTime received;
  bool eight_bit = false;      // BODY=8BITMIME was declared
  bool binary = false;         // BODY=BINARYMIME: the content is no text
  bool utf8 = false;           // SMTPUTF8: addresses and header may be UTF-8
  bool require_tls = false;    // REQUIRETLS: never without TLS, nor to who does not prove itself
  std::string_view connector;  // name of the Receive connector that took it
  std::string_view client;     // its endpoint as text
  std::string_view sender;     // empty: <>
  std::vector<std::string_view> recipients;
  // Notifications (RFC 3461), as smtp/dsn.h has them. `dsn`: beside `recipients`, or empty.
  struct Dsn {
    uint8_t notify = 0;
    std::string_view orcpt{};
  };
  uint8_t ret = 0;
  std::string_view envid{};
  std::vector<Dsn> dsn{};
};

// Strings longer than 65,535 octets must not be given.
void append_envelope(std::string& out, const Envelope& envelope);
// Nothing: the bytes are not an envelope. Views borrow `bytes`.
[[nodiscard]] std::optional<Envelope> read_envelope(std::string_view bytes);
// Only what stands in front, also of an envelope that is cut off behind it. Nothing: not an
// envelope.
struct EnvelopeFront {
  WallTime received;
  std::string_view connector;
  std::string_view client;
};
[[nodiscard]] std::optional<EnvelopeFront> read_front(std::string_view bytes);

// What shares a next hop as one: the mail that one client address sends to one connector. `client`
// is an endpoint; its port does not count.
[[nodiscard]] uint64_t flow_of(std::string_view connector, std::string_view client);

}  // namespace relais::spool
