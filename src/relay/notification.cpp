#include "relay/notification.h"

#include <algorithm>
#include <charconv>

#include "base/utf8.h"
#include "smtp/ascii.h"
#include "smtp/dsn.h"
#include "smtp/peer_reply.h"

namespace relais::relay {
namespace {

using smtp::is_ascii;

constexpr size_t kFieldMax = 900;  // octets of a value; RFC 5322 allows lines of 998

// What others have said goes into one line.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, kFieldMax));
  std::ranges::replace_if(
      line, [](char c) { return c >= 0 && (c < ' ' || c == 0x7f); }, ' ');
  return line;
}

std::string ascii(std::string_view text) {
  std::string copy(text);
  std::ranges::replace_if(
      copy, [](char c) { return c < 0; }, '?');
  return copy;
}

uint32_t code_point(std::string_view character) {
  const auto at = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(character[i]));
  };
  uint32_t value = at(0) & (0xffU >> (character.size() + 1));
  for (size_t i = 1; i < character.size(); ++i) value = value << 6 | (at(i) & 0x3f);
  return value;
}

// RFC 6533 section 3, utf-8-addr-xtext: "k\x{E4}the@contoso.com".
std::string embedded(std::string_view address) {
  std::string out;
  while (!address.empty()) {
    const size_t length = std::max<size_t>(utf8_length(address), 1);
    const std::string_view character = address.substr(0, length);
    address.remove_prefix(length);
    const char c = character.front();
    if (length == 1 && c != '\\' && c != '+' && c != '=') {
      out += c;
      continue;
    }
    char digits[8];
    const uint32_t value = length == 1 ? static_cast<uint8_t>(c) : code_point(character);
    const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
    std::transform(digits, end, digits,
                   [](char d) { return d >= 'a' ? static_cast<char>(d - 32) : d; });
    out.append("\\x{").append(digits, end).append("}");
  }
  return out;
}

// As it stands in a notification that is ASCII, or is not (`utf8`).
std::string shown(std::string_view address, bool utf8) {
  return utf8 || is_ascii(address) ? std::string(address) : embedded(address);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(one_line(value)).append("\r\n");
}

// xtext decoded; as it is where it is none. It holds no control either way (smtp/dsn.h).
std::string decoded(std::string_view xtext) {
  const auto text = smtp::from_xtext(xtext);
  return text ? *text : std::string(xtext);
}

std::string_view name_of(Action action) {
  switch (action) {
    case Action::kFailed:
      return "failed";
    case Action::kDelivered:
      return "delivered";
    case Action::kRelayed:
      return "relayed";
  }
  return {};
}

bool is_failure(const Notification& n) {
  return std::ranges::any_of(n.recipients, [](const ReportedRecipient& recipient) {
    return recipient.action == Action::kFailed;
  });
}

void append_text(std::string& out, const Notification& n) {
  const bool failed = is_failure(n);
  out.append("This is the mail relay ").append(n.fqdn).append(".\r\n\r\n");
  out.append(failed ? "Your message could not be delivered to:\r\n\r\n"
                    : "Your message has been delivered to, or passed on for:\r\n\r\n");
  for (const ReportedRecipient& recipient : n.recipients) {
    out.append("  <").append(shown(recipient.address, n.utf8())).append(">\r\n    ");
    if (!recipient.host.empty() && recipient.last.empty())
      out.append(recipient.host).append(" said: ");
    out.append(ascii(one_line(recipient.reply))).append("\r\n");
    if (recipient.last.empty()) continue;
    out.append("    ").append(recipient.host).append(" said at last: ");
    out.append(ascii(one_line(recipient.last))).append("\r\n");
  }
  out.append(failed ? "\r\nIt is not tried again. " : "\r\n");
  if (n.returned.empty()) {
    out.append("What the message said is not returned.\r\n");
  } else if (n.returns_all) {
    out.append("The message is below.\r\n");
  } else {
    out.append(n.is_cut ? "The beginning of the message's header is below.\r\n"
                        : "The message's header is below.\r\n");
  }
}

void append_recipient(std::string& out, const ReportedRecipient& recipient, bool utf8) {
  out.append("\r\n");
  const size_t semicolon = recipient.orcpt.find(';');
  if (semicolon != std::string_view::npos) {
    // That of type utf-8 has a form of its own, in which it may stay.
    const std::string_view address = recipient.orcpt.substr(semicolon + 1);
    std::string original(recipient.orcpt.substr(0, semicolon + 1));
    original += is_ascii(address) ? decoded(address) : shown(address, utf8);
    append_field(out, "Original-Recipient", original);
  }
  std::string final_recipient(is_ascii(recipient.address) ? "rfc822;" : "utf-8;");
  append_field(out, "Final-Recipient", final_recipient += shown(recipient.address, utf8));
  append_field(out, "Action", name_of(recipient.action));
  append_field(out, "Status", status_of(recipient.reply));
  if (recipient.host.empty()) return;
  const std::string_view words = recipient.last.empty() ? recipient.reply : recipient.last;
  append_field(out, "Remote-MTA", "dns;" + std::string(recipient.host));
  append_field(out, "Diagnostic-Code", "smtp;" + ascii(words));
}

void begin_part(std::string& out, std::string_view boundary, std::string_view type,
                bool eight_bit) {
  out.append("\r\n--").append(boundary).append("\r\n");
  append_field(out, "Content-Type", type);
  if (eight_bit) append_field(out, "Content-Transfer-Encoding", "8bit");
  out.append("\r\n");
}

}  // namespace

std::string status_of(std::string_view words) {
  const std::string reply = one_line(words);
  uint16_t code = 0;
  const std::string_view digits = std::string_view(reply).substr(0, 3);
  std::from_chars(digits.data(), digits.data() + digits.size(), code);
  // Some failures are called by a status of another class: "550 4.4.7 message expired".
  const std::string_view rest = std::string_view(reply).substr(std::min<size_t>(reply.size(), 4));
  if (rest.starts_with("4.") && code >= 500) code = static_cast<uint16_t>(code - 100);
  const smtp::EnhancedStatus status = smtp::passed_on(code, rest).status;
  const unsigned klass = status.klass == 0 ? 5 : status.klass;
  return std::to_string(klass) + '.' + std::to_string(status.subject) + '.' +
         std::to_string(status.detail);
}

std::string_view header_of(std::string_view content, bool& is_cut) {
  const size_t end = content.find("\r\n\r\n");
  is_cut = false;
  if (end != std::string_view::npos && end + 2 <= kReturnedMax) return content.substr(0, end + 2);
  is_cut = content.size() > kReturnedMax;
  content = content.substr(0, std::min<size_t>(content.size(), kReturnedMax));
  const size_t line = content.rfind("\r\n");
  return line == std::string_view::npos ? std::string_view{} : content.substr(0, line + 2);
}

bool Notification::utf8() const { return !is_ascii(sender); }

std::string notification_text(const Notification& n) {
  const Guid::Text id = n.id.text();
  const std::string boundary = "report-" + std::string(view(id));
  const bool utf8 = n.utf8();
  std::string out;
  append_field(out, "From", "Mail Delivery System <" + std::string(n.from) + '>');
  append_field(out, "To", '<' + std::string(n.sender) + '>');
  append_field(out, "Subject",
               is_failure(n) ? "Undeliverable: returned to its sender"
                             : "Delivered: as its sender wanted to know");
  append_field(out, "Date", rfc5322_date(n.now));
  append_field(out, "Message-ID", '<' + std::string(view(id)) + '@' + std::string(n.fqdn) + '>');
  append_field(out, "Auto-Submitted", "auto-replied");  // RFC 3834
  append_field(out, "MIME-Version", "1.0");
  out.append("Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"")
      .append(boundary)
      .append("\"\r\n");
  if (utf8) append_field(out, "Content-Transfer-Encoding", "8bit");
  begin_part(out, boundary, utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii",
             utf8);
  append_text(out, n);

  begin_part(out, boundary, utf8 ? "message/global-delivery-status" : "message/delivery-status",
             utf8);
  append_field(out, "Reporting-MTA", "dns;" + std::string(n.fqdn));
  if (!n.envid.empty()) append_field(out, "Original-Envelope-Id", decoded(n.envid));
  append_field(out, "Arrival-Date", rfc5322_date(n.received));
  for (const ReportedRecipient& recipient : n.recipients) append_recipient(out, recipient, utf8);

  if (!n.returned.empty()) {
    const std::string_view type = n.returns_all ? (utf8 ? "message/global" : "message/rfc822")
                                  : utf8        ? "message/global-headers"
                                                : "text/rfc822-headers";
    begin_part(out, boundary, type, utf8);
    out.append(utf8 ? std::string(n.returned) : ascii(n.returned));
  }
  out.append("\r\n--").append(boundary).append("--\r\n");
  return out;
}

}  // namespace relais::relay
