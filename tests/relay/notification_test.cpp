#include "relay/notification.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace relais::relay {
namespace {

// As DSN readers see it; the whole text, since every octet of it is somebody's grammar.
TEST(Notification, SaysWhatFailedAndWhy) {
  const std::vector<ReportedRecipient> recipients = {{.address = "kate@fabrikam.com",
                                                      .orcpt = "rfc822;kate+2Bx@fabrikam.com",
                                                      .host = "10.0.0.20:25",
                                                      .reply = "550 5.1.1 User unknown\nreally"},
                                                     {.address = "\"a b\"@contoso.com",
                                                      .orcpt = {},
                                                      .host = {},
                                                      .reply = "550 4.4.7 message expired"}};
  EXPECT_EQ(notification_text({.id = {0x0123456789abcdef, 0xfedcba9876543210},
                               .fqdn = "relay.contoso.com",
                               .from = "postmaster@contoso.com",
                               .sender = "chris@contoso.com",
                               .now = {1'470'414'281'000'000'000},
                               .received = {1'470'410'681'000'000'000},
                               .envid = "QQ+2B314159",
                               .recipients = recipients,
                               .returned = "Received: from x\r\nSubject: hello\r\n",
                               .returns_all = false}),
            "From: Mail Delivery System <postmaster@contoso.com>\r\n"
            "To: <chris@contoso.com>\r\n"
            "Subject: Undeliverable: returned to its sender\r\n"
            "Date: Fri, 5 Aug 2016 16:24:41 +0000\r\n"
            "Message-ID: <01234567-89ab-cdef-fedc-ba9876543210@relay.contoso.com>\r\n"
            "Auto-Submitted: auto-replied\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status;\r\n"
            "\tboundary=\"report-01234567-89ab-cdef-fedc-ba9876543210\"\r\n"
            "\r\n"
            "--report-01234567-89ab-cdef-fedc-ba9876543210\r\n"
            "Content-Type: text/plain; charset=us-ascii\r\n"
            "\r\n"
            "This is the mail relay relay.contoso.com.\r\n"
            "\r\n"
            "Your message could not be delivered to:\r\n"
            "\r\n"
            "  <kate@fabrikam.com>\r\n"
            "    10.0.0.20:25 said: 550 5.1.1 User unknown really\r\n"
            "  <\"a b\"@contoso.com>\r\n"
            "    550 4.4.7 message expired\r\n"
            "\r\n"
            "It is not tried again. The message's header is below.\r\n"
            "\r\n"
            "--report-01234567-89ab-cdef-fedc-ba9876543210\r\n"
            "Content-Type: message/delivery-status\r\n"
            "\r\n"
            "Reporting-MTA: dns;relay.contoso.com\r\n"
            "Original-Envelope-Id: QQ+314159\r\n"
            "Arrival-Date: Fri, 5 Aug 2016 15:24:41 +0000\r\n"
            "\r\n"
            "Original-Recipient: rfc822;kate+x@fabrikam.com\r\n"
            "Final-Recipient: rfc822;kate@fabrikam.com\r\n"
            "Action: failed\r\n"
            "Status: 5.1.1\r\n"
            "Remote-MTA: dns;10.0.0.20:25\r\n"
            "Diagnostic-Code: smtp;550 5.1.1 User unknown really\r\n"
            "\r\n"
            "Final-Recipient: rfc822;\"a b\"@contoso.com\r\n"
            "Action: failed\r\n"
            "Status: 4.4.7\r\n"
            "\r\n"
            "--report-01234567-89ab-cdef-fedc-ba9876543210\r\n"
            "Content-Type: text/rfc822-headers\r\n"
            "\r\n"
            "Received: from x\r\n"
            "Subject: hello\r\n"
            "\r\n"
            "--report-01234567-89ab-cdef-fedc-ba9876543210--\r\n");
}

TEST(Notification, TellsOfSuccess) {
  const std::vector<ReportedRecipient> recipients = {{.action = Action::kRelayed,
                                                      .address = "kate@fabrikam.com",
                                                      .orcpt = {},
                                                      .host = "10.0.0.20:25",
                                                      .reply = "250 2.6.0 Queued"},
                                                     {.action = Action::kDelivered,
                                                      .address = "bob@contoso.com",
                                                      .orcpt = {},
                                                      .host = {},
                                                      .reply = "250 written"}};
  const std::string text = notification_text({.id = {},
                                              .fqdn = "relay.contoso.com",
                                              .from = "postmaster@contoso.com",
                                              .sender = "chris@contoso.com",
                                              .now = {},
                                              .received = {},
                                              .envid = {},
                                              .recipients = recipients,
                                              .returned = {}});
  for (const char* lines : {"Subject: Delivered: as its sender wanted to know\r\n",
                            "Your message has been delivered to, or passed on for:\r\n",
                            "Action: relayed\r\nStatus: 2.6.0\r\nRemote-MTA: dns;10.0.0.20:25\r\n"
                            "Diagnostic-Code: smtp;250 2.6.0 Queued\r\n\r\n",
                            "Action: delivered\r\nStatus: 2.0.0\r\n\r\n"})
    EXPECT_NE(text.find(lines), std::string::npos) << lines << text;
  EXPECT_EQ(text.find("not tried again"), std::string::npos);
}

TEST(Notification, TakesTheStatusFromTheReply) {
  EXPECT_EQ(status_of("550 5.1.1 User unknown"), "5.1.1");
  EXPECT_EQ(status_of("550 User unknown"), "5.0.0");
  EXPECT_EQ(status_of("550"), "5.0.0");
  EXPECT_EQ(status_of(""), "5.0.0");
  EXPECT_EQ(status_of("554 5.7.1\nwith a second line"), "5.7.1");
  EXPECT_EQ(status_of("550 4.4.7 message expired"), "4.4.7");
  EXPECT_EQ(status_of("550 2.1.5 nonsense"), "5.0.0");
}

TEST(Notification, ReturnsTheHeader) {
  bool is_cut = true;
  EXPECT_EQ(header_of("A: b\r\nC: d\r\n\r\ntext\r\n", is_cut), "A: b\r\nC: d\r\n");
  EXPECT_FALSE(is_cut);
  EXPECT_EQ(header_of("A: b\r\n", is_cut), "A: b\r\n");
  EXPECT_FALSE(is_cut);
  EXPECT_EQ(header_of("A: b\r\nC:", is_cut), "A: b\r\n");
  EXPECT_EQ(header_of("no line end", is_cut), "");
  EXPECT_EQ(header_of("", is_cut), "");
  std::string large = "A: " + std::string(900, 'x') + "\r\n";
  while (large.size() < 2 * kReturnedMax) large += large;
  const std::string_view cut = header_of(large, is_cut);
  EXPECT_TRUE(is_cut);
  EXPECT_LE(cut.size(), kReturnedMax);
  EXPECT_GT(cut.size(), kReturnedMax - 1000);
  EXPECT_TRUE(cut.ends_with("x\r\n"));
}

TEST(Notification, IsAsciiUnlessItsReaderIsNot) {
  const std::vector<ReportedRecipient> recipients = {
      {.address = "k\xc3\xa4t+\xf0\x9f\x98\x80@fabrikam.com",
       .orcpt = "utf-8;k\xc3\xa4the@fabrikam.com",
       .host = {},
       .reply = "550 5.1.1 n\xc3\xb6"}};
  Notification n{.id = {},
                 .fqdn = "relay.contoso.com",
                 .from = "postmaster@contoso.com",
                 .sender = "chris@contoso.com",
                 .now = {},
                 .received = {},
                 .envid = {},
                 .recipients = recipients,
                 .returned = "Subject: \xc3\xa4\r\n"};
  const std::string ascii = notification_text(n);
  EXPECT_TRUE(std::ranges::all_of(ascii, [](char c) { return c >= 0; })) << ascii;
  for (const char* line : {"Final-Recipient: utf-8;k\\x{E4}t\\x{2B}\\x{1F600}@fabrikam.com\r\n",
                           "Original-Recipient: utf-8;k\\x{E4}the@fabrikam.com\r\n",
                           "Content-Type: message/delivery-status\r\n", "Subject: ??\r\n"})
    EXPECT_NE(ascii.find(line), std::string::npos) << line << ascii;
  n.sender = "chr\xc3\xads@contoso.com";
  const std::string utf8 = notification_text(n);
  for (const char* line :
       {"Content-Type: message/global-delivery-status\r\n",
        "Content-Type: message/global-headers\r\n",
        "Final-Recipient: utf-8;k\xc3\xa4t+\xf0\x9f\x98\x80@fabrikam.com\r\n",
        "Subject: \xc3\xa4\r\n", "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"})
    EXPECT_NE(utf8.find(line), std::string::npos) << line << utf8;
}

TEST(Notification, SaysWhatWasSaidLast) {
  const std::vector<ReportedRecipient> recipients = {{.address = "kate@fabrikam.com",
                                                      .orcpt = {},
                                                      .host = "10.0.0.20:25",
                                                      .reply = "550 4.4.7 message expired",
                                                      .last = "451 4.2.1 try later"}};
  const std::string text = notification_text({.id = {},
                                              .fqdn = "relay.contoso.com",
                                              .from = "postmaster@contoso.com",
                                              .sender = "chris@contoso.com",
                                              .now = {},
                                              .received = {},
                                              .envid = {},
                                              .recipients = recipients,
                                              .returned = "A: b\r\n",
                                              .is_cut = true});
  for (const char* line :
       {"    550 4.4.7 message expired\r\n    10.0.0.20:25 said at last: 451 4.2.1 try later\r\n",
        "Status: 4.4.7\r\nRemote-MTA: dns;10.0.0.20:25\r\n"
        "Diagnostic-Code: smtp;451 4.2.1 try later\r\n",
        "The beginning of the message's header is below.\r\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

}  // namespace
}  // namespace relais::relay
