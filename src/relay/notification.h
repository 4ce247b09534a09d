// The text of a delivery status notification (RFC 3464, in a multipart/report of RFC 6522): to whom
// a message could not be delivered, and why; or that it has come to those whose sender wanted to
// know. Pure. In wire form, as the spool keeps content.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/guid.h"

namespace relais::relay {

// Of the returned message, in octets.
inline constexpr uint32_t kReturnedMax = 50'000;

// RFC 3464 section 2.3.3. kRelayed: to a next hop that tells of no success.
enum class Action : uint8_t { kFailed, kDelivered, kRelayed };

struct ReportedRecipient {
  Action action = Action::kFailed;
  std::string_view address;
  std::string_view orcpt;      // "rfc822;kate@fabrikam.com" in xtext, as it came; empty: none
  std::string_view host;       // the next hop, or the Maildir; empty: nobody was asked
  std::string_view reply;      // its words, or ours in its form: "550 5.1.1 User unknown"
  std::string_view last = {};  // what the host said at the last of many attempts; empty: `reply`
};

struct Notification {
  Guid id;                  // its own
  std::string_view fqdn;    // of the server that reports
  std::string_view from;    // the address that it comes from
  std::string_view sender;  // of the message: to whom it goes
  WallTime now;
  WallTime received;                              // the message
  std::string_view envid;                         // in xtext, as it came; empty: none
  std::span<const ReportedRecipient> recipients;  // all of them failed, or none has
  // Of the message, in wire form and whole lines: its header, or (`returns_all`) everything.
  std::string_view returned;
  bool returns_all = false;
  bool is_cut = false;  // the header is longer

  // Its sender's address is no ASCII, so whoever takes mail for it takes UTF-8 (RFC 6533). All
  // other notifications are ASCII from end to end, whatever the message was, and pass any next hop.
  [[nodiscard]] bool utf8() const;
};

[[nodiscard]] std::string notification_text(const Notification& notification);

// "5.1.1": the status that stands in the reply, or that its code stands for.
[[nodiscard]] std::string status_of(std::string_view reply);
// The header at the front of content in wire form, with the empty line behind it or as much of it
// as there is, cut at kReturnedMax behind a whole line.
[[nodiscard]] std::string_view header_of(std::string_view content, bool& is_cut);

}  // namespace relais::relay
