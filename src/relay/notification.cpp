#include "relay/notification.h"

#include <algorithm>
#include <charconv>

#include "smtp/dsn.h"
#include "smtp/peer_reply.h"

namespace relais::relay {
namespace {

constexpr size_t kFieldMax = 900;  // octets of a value; RFC 5322 allows lines of 998

// What others have said goes into one line.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, kFieldMax));
  std::ranges::replace_if(
      line, [](char c) { return c >= 0 && (c < ' ' || c == 0x7f); }, ' ');
  return line;
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
    out.append("  <").append(recipient.address).append(">\r\n    ");
    if (!recipient.host.empty()) out.append(recipient.host).append(" said: ");
    out.append(one_line(recipient.reply)).append("\r\n");
  }
  out.append(failed ? "\r\nIt is not tried again. " : "\r\n");
  if (n.returned.empty()) {
    out.append("What the message said is not returned.\r\n");
  } else {
    out.append(n.returns_all ? "The message is below.\r\n" : "The message's header is below.\r\n");
  }
}

void append_recipient(std::string& out, const ReportedRecipient& recipient, bool utf8) {
  out.append("\r\n");
  const size_t semicolon = recipient.orcpt.find(';');
  if (semicolon != std::string_view::npos) {
    std::string original(recipient.orcpt.substr(0, semicolon + 1));
    append_field(out, "Original-Recipient",
                 original += decoded(recipient.orcpt.substr(semicolon + 1)));
  }
  std::string final_recipient(utf8 ? "utf-8;" : "rfc822;");
  append_field(out, "Final-Recipient", final_recipient += recipient.address);
  append_field(out, "Action", name_of(recipient.action));
  append_field(out, "Status", status_of(recipient.reply));
  if (recipient.host.empty() || recipient.action == Action::kDelivered) return;
  std::string host("dns;");
  append_field(out, "Remote-MTA", host += recipient.host);
  std::string words("smtp;");
  append_field(out, "Diagnostic-Code", words += recipient.reply);
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

std::string_view header_of(std::string_view content) {
  const size_t end = content.find("\r\n\r\n");
  if (end != std::string_view::npos && end + 2 <= kReturnedMax) return content.substr(0, end + 2);
  content = content.substr(0, std::min<size_t>(content.size(), kReturnedMax));
  const size_t line = content.rfind("\r\n");
  return line == std::string_view::npos ? std::string_view{} : content.substr(0, line + 2);
}

std::string notification_text(const Notification& n) {
  const Guid::Text id = n.id.text();
  const std::string boundary = "report-" + std::string(view(id));
  const bool eight_bit = n.utf8 || std::ranges::any_of(n.returned, [](char c) { return c < 0; });
  const std::string date = rfc5322_date(n.now);
  std::string out;
  append_field(out, "From", "Mail Delivery System <" + std::string(n.from) + '>');
  append_field(out, "To", '<' + std::string(n.sender) + '>');
  append_field(out, "Subject",
               is_failure(n) ? "Undeliverable: returned to its sender"
                             : "Delivered: as its sender wanted to know");
  append_field(out, "Date", date);
  append_field(out, "Message-ID", '<' + std::string(view(id)) + '@' + std::string(n.fqdn) + '>');
  append_field(out, "Auto-Submitted", "auto-replied");  // RFC 3834
  append_field(out, "MIME-Version", "1.0");
  out.append("Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"")
      .append(boundary)
      .append("\"\r\n");
  if (eight_bit) append_field(out, "Content-Transfer-Encoding", "8bit");
  begin_part(out, boundary, n.utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii",
             n.utf8);
  append_text(out, n);

  begin_part(out, boundary, n.utf8 ? "message/global-delivery-status" : "message/delivery-status",
             n.utf8);
  append_field(out, "Reporting-MTA", "dns;" + std::string(n.fqdn));
  if (!n.envid.empty()) append_field(out, "Original-Envelope-Id", decoded(n.envid));
  append_field(out, "Arrival-Date", rfc5322_date(n.received));
  for (const ReportedRecipient& recipient : n.recipients) append_recipient(out, recipient, n.utf8);

  if (!n.returned.empty()) {
    const std::string_view type = n.returns_all ? (n.utf8 ? "message/global" : "message/rfc822")
                                  : n.utf8      ? "message/global-headers"
                                                : "text/rfc822-headers";
    begin_part(out, boundary, type, eight_bit);
    out.append(n.returned);
  }
  out.append("\r\n--").append(boundary).append("--\r\n");
  return out;
}

}  // namespace relais::relay
