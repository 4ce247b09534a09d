// The trace field that a relay puts in front of a message (RFC 5321 4.4), and the one place where
// the client's own words come near a header: the HELO name, made harmless first (smtp-rules.md 13).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace relais::smtp {

inline constexpr uint32_t kHelloShown = 255;  // octets of the HELO name that the field shows

// `hello` with everything that could end or forge a part of the field (blanks, controls, 8-bit
// octets and ( ) < > " , ; \) as '?', cut at kHelloShown. Empty stays empty.
// The copy is in `memory`.
[[nodiscard]] std::string_view neutralised(std::string_view hello,
                                           std::span<char, kHelloShown> memory);

struct ReceivedInfo {
  std::string_view hello;      // as the client said it; empty: it gave none
  std::string_view client_ip;  // text of the addresses, without brackets
  std::string_view fqdn;
  std::string_view local_ip;
  bool esmtp = true;           // EHLO, not HELO
  bool authenticated = false;  // AUTH has succeeded
  std::string_view tls{};      // "version=TLSv1.3, cipher=TLS_AES_128_GCM_SHA256"; empty: none
  bool utf8 = false;           // SMTPUTF8 was declared (RFC 6531 4.3)
  std::string_view id;         // Guid text
  std::string_view recipient;  // only when the message has exactly one; else empty
  std::string_view date;       // rfc5322_date()
};

// Appends "Received: from <hello> (<client ip>) by <fqdn> (<local ip>) with ESMTP id <id>[ for
// <recipient>]; <date>", folded so that no line needs more than 78 octets unless one part alone
// does (never 998), with its final CRLF.
void append_received(std::string& out, const ReceivedInfo& info);

}  // namespace relais::smtp
