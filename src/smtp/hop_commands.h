// What both of our clients (client.h, stream_client.h) say to a next hop, and what it says it can
// do: MAIL and RCPT with the parameters that its extensions allow. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "smtp/dsn.h"

namespace relais::smtp {

struct Extensions {
  bool pipelining = false;
  bool size = false;
  bool dsn = false;
  bool eight_bit_mime = false;
  bool binary_mime = false;
  bool chunking = false;
  bool smtp_utf8 = false;
  bool require_tls = false;  // and it is who it should be, in TLS
  bool start_tls = false;
  bool auth_plain = false;
  bool auth_login = false;
  uint8_t xclient = 0;  // attributes (xclient.h); 0: none, or not offered

  bool enhanced_status_codes = false;
  uint64_t size_max = 0;  // 0: not announced

  // A line of the reply to EHLO, behind the first one, without its code.
  void note(std::string_view line);
};

// What MAIL says. Views, valid for the length of a call.
struct MailCommand {
  std::string_view sender;  // empty for <>
  uint64_t size = 0;        // octets of content, for SIZE=; 0: unknown
  bool eight_bit = false;   // BODY=8BITMIME was given by our client
  bool binary = false;      // BODY=BINARYMIME
  bool utf8 = false;        // SMTPUTF8
  bool plain = false;       // neither is needed: content and addresses are known to be ASCII
  bool require_tls = false;
  DsnReturn ret = DsnReturn::kUnspecified;
  std::string_view envid{};
};

// RFC 3030 section 3, 6152 section 3, 6531 section 3.3 and 8689 section 4.2.1: what the next hop
// does not say it takes is not sent, and not changed; only a declaration that is known to say
// nothing is left out. Why not, as a reply without its code; empty: it takes this.
[[nodiscard]] std::string_view cannot_take(const Extensions& extensions, const MailCommand& mail);

// Whole lines. Addresses were checked when they came in; a control in one is our bug, since it
// would let one command become two.
void append_mail(std::string& out, const Extensions& extensions, const MailCommand& mail);
void append_recipient(std::string& out, const Extensions& extensions, std::string_view address,
                      const RecipientDsn& dsn, bool utf8);

}  // namespace relais::smtp
