#include "smtp/hop_commands.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/decimal.h"
#include "smtp/ascii.h"
#include "smtp/xclient.h"

namespace relais::smtp {
namespace {

bool is_clean(std::string_view text, bool utf8) {
  return std::ranges::all_of(text,
                             [&](char c) { return is_printable(c) || (utf8 && is_eight_bit(c)); });
}

void note_mechanisms(std::string_view words, Extensions& extensions) {
  while (skip_blanks(words), !words.empty()) {
    const std::string_view mechanism = take_word(words);
    if (equals_ignoring_case(mechanism, "PLAIN")) extensions.auth_plain = true;
    if (equals_ignoring_case(mechanism, "LOGIN")) extensions.auth_login = true;
  }
}

}  // namespace

void Extensions::note(std::string_view line) {
  const std::string_view keyword = take_word(line);
  if (equals_ignoring_case(keyword, "PIPELINING")) pipelining = true;
  if (equals_ignoring_case(keyword, "DSN")) dsn = true;
  if (equals_ignoring_case(keyword, "8BITMIME")) eight_bit_mime = true;
  if (equals_ignoring_case(keyword, "BINARYMIME")) binary_mime = true;
  if (equals_ignoring_case(keyword, "CHUNKING")) chunking = true;
  if (equals_ignoring_case(keyword, "SMTPUTF8")) smtp_utf8 = true;
  if (equals_ignoring_case(keyword, "REQUIRETLS")) require_tls = true;
  if (equals_ignoring_case(keyword, "STARTTLS")) start_tls = true;
  if (equals_ignoring_case(keyword, "AUTH")) note_mechanisms(line, *this);
  if (equals_ignoring_case(keyword, kXclientVerb)) xclient = xclient_attributes(line);
  if (equals_ignoring_case(keyword, "ENHANCEDSTATUSCODES")) enhanced_status_codes = true;
  if (!equals_ignoring_case(keyword, "SIZE")) return;
  size = true;
  skip_blanks(line);
  uint64_t octets = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), octets);
  if (parsed.ec == std::errc()) size_max = octets;
}

std::string_view cannot_take(const Extensions& extensions, const MailCommand& mail) {
  if (mail.require_tls && !extensions.require_tls)
    return "5.7.30 The next hop does not offer REQUIRETLS in TLS that proves who it is";
  if (mail.utf8 && !mail.plain && !extensions.smtp_utf8)
    return "5.6.7 The next hop does not offer SMTPUTF8, which this message needs";
  if (mail.binary && !(extensions.chunking && extensions.binary_mime))
    return "5.6.3 The next hop does not offer BINARYMIME, which this message needs";
  if (mail.eight_bit && !mail.plain && !extensions.eight_bit_mime)
    return "5.6.3 The next hop does not offer 8BITMIME, which this message needs";
  return {};
}

void append_mail(std::string& out, const Extensions& extensions, const MailCommand& mail) {
  ASSERT(is_clean(mail.sender, mail.utf8) && is_clean(mail.envid, false));
  out += "MAIL FROM:<";
  out += mail.sender;
  out += '>';
  if (extensions.size && mail.size != 0) {
    out += " SIZE=";
    append_decimal(out, mail.size);
  }
  if (extensions.eight_bit_mime && mail.eight_bit) out += " BODY=8BITMIME";
  if (mail.binary) out += " BODY=BINARYMIME";
  if (extensions.smtp_utf8 && mail.utf8) out += " SMTPUTF8";
  if (mail.require_tls) out += " REQUIRETLS";
  if (extensions.dsn) {
    if (mail.ret != DsnReturn::kUnspecified) (out += " RET=") += name_of(mail.ret);
    if (!mail.envid.empty()) (out += " ENVID=") += mail.envid;
  }
  out += "\r\n";
}

void append_recipient(std::string& out, const Extensions& extensions, std::string_view address,
                      const RecipientDsn& dsn, bool utf8) {
  ASSERT(!address.empty() && is_clean(address, utf8) && is_clean(dsn.orcpt, utf8));
  out += "RCPT TO:<";
  out += address;
  out += '>';
  if (extensions.dsn) {
    if (dsn.notify != 0) append_notify(out += " NOTIFY=", dsn.notify);
    if (!dsn.orcpt.empty()) (out += " ORCPT=") += dsn.orcpt;
  }
  out += "\r\n";
}

}  // namespace relais::smtp
