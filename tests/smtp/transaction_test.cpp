#include "smtp/transaction.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"
#include "smtp/header_scan.h"

namespace relais::smtp {
namespace {

Path parse(std::string_view text, PathRole role) {
  Path path;
  EXPECT_TRUE(take_path(text, role, path)) << text;
  return path;
}

TEST(Transaction, KeepsItsOwnCopies) {
  Transaction transaction;
  EXPECT_FALSE(transaction.has_sender());
  {
    const std::string sender = "<a@contoso.com>", first = "<b@Fabrikam.com.>",
                      second = "<postmaster>";
    transaction.set_sender(parse(sender, PathRole::kReverse));
    transaction.add_recipient(parse(first, PathRole::kForward));
    transaction.add_recipient(parse(second, PathRole::kForward));
  }
  EXPECT_EQ(transaction.sender(), "a@contoso.com");
  ASSERT_EQ(transaction.recipient_count(), 2U);
  EXPECT_EQ(transaction.recipient(0), "b@Fabrikam.com.");
  EXPECT_EQ(transaction.recipient_domain(0), "Fabrikam.com");
  EXPECT_EQ(transaction.recipient(1), "postmaster");
  EXPECT_EQ(transaction.recipient_domain(1), "");
}

TEST(Transaction, ForgetsEverythingAtOnce) {
  Transaction transaction;
  transaction.set_sender(parse("<>", PathRole::kReverse));
  EXPECT_TRUE(transaction.has_sender());
  EXPECT_EQ(transaction.sender(), "");
  transaction.add_recipient(parse("<b@contoso.com>", PathRole::kForward));
  transaction.declared_size = 5;
  transaction.body = BodyType::k7Bit;
  transaction.clear();
  EXPECT_FALSE(transaction.has_sender());
  EXPECT_EQ(transaction.recipient_count(), 0U);
  EXPECT_EQ(transaction.declared_size, 0U);
  EXPECT_EQ(transaction.body, BodyType::kUnspecified);
}

struct Seen {
  uint32_t received;
  uint64_t octets;
  bool done;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen look(std::string_view content, size_t cut) {
  HeaderScan scan;
  scan.scan(content.substr(0, cut));
  scan.scan(content.substr(cut));
  return {scan.received_count(), scan.octets(), scan.done()};
}

TEST(HeaderScan, CountsReceivedFieldsAndOctetsOfTheHeaderOnly) {
  struct Case {
    std::string_view content;
    Seen seen;
  };
  static constexpr Case kCases[] = {
      {"", {0, 0, false}},
      {"\r\nReceived: body\r\n", {0, 2, true}},
      {"Received: a\r\nRECEIVED:b\r\nreceived \t: c\r\n\r\nReceived: body\r\n", {3, 42, true}},
      {"X-Received: a\r\n Received: b\r\nReceivedX: c\r\nReceive: d\r\n.Received: e\r\n\r\n",
       {0, 71, true}},
      {"Received: a\r\nno empty line\r\n", {1, 28, false}},
      {"Subject: x\r\n.\r\r\n\r\n", {0, 18, true}},
      {"Received: a\rReceived: b\r\n\r\n", {1, 27, true}},
  };
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut <= c.content.size(); ++cut) {
      const Seen seen = look(c.content, cut);
      EXPECT_EQ(seen.received, c.seen.received) << c.content << " cut at " << cut;
      EXPECT_EQ(seen.octets, c.seen.octets) << c.content << " cut at " << cut;
      EXPECT_EQ(seen.done, c.seen.done) << c.content << " cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace relais::smtp
