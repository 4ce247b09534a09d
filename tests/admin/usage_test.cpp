// Counting on one core: kinds of refusals, the busiest clients, the table.
#include <gtest/gtest.h>

#include <map>

#include "admin/refusals.h"
#include "admin/top_clients.h"
#include "admin/usage_table.h"
#include "base/prng.h"
#include "clients.h"

namespace relais::admin {
namespace {

using policy::AddressRange;
namespace replies = smtp::replies;

TEST(refusals, each_has_its_kind) {
  const smtp::Reply unable{550, {5, 7, 1}, "Unable to relay"};
  const smtp::Reply sender{
      550, {5, 7, 60}, "Client does not have permission to send as this sender"};
  const smtp::Reply submit{530, {5, 7, 57}, "Client was not authenticated"};
  const smtp::Reply single{
      550, {5, 1, 6}, "Recipient addresses in single label domains not accepted"};
  const smtp::Reply many{421, {4, 3, 2}, "The maximum number of concurrent connections"};
  const smtp::Reply rate{421, {4, 4, 2}, "Message submission rate for this client has exceeded"};
  const smtp::Reply spam{554, {5, 7, 1}, "spam"};
  const struct {
    std::string_view connector, command;
    smtp::Reply reply;
    std::string_view reason;
    Refusal wanted;
  } kCases[] = {
      {"", "connect", replies::kNotAccepting, "no connector serves", Refusal::kNoConnector},
      {"c", "connect", many, "max_inbound_connection", Refusal::kConnections},
      {"c", "timeout", replies::kIdle, "connection_inactivity_timeout", Refusal::kTimeout},
      {"c", "MAIL", submit, "no ms-Exch-SMTP-Submit", Refusal::kAuthentication},
      {"c", "MAIL", sender, "no Accept-Any-Sender", Refusal::kSender},
      {"c", "MAIL", rate, "message_rate_limit", Refusal::kLimit},
      {"c", "MAIL", replies::kInsufficientResources, "the spool is full", Refusal::kResources},
      {"c", "MAIL", replies::kTooLarge, "protocol", Refusal::kContent},
      {"c", "RCPT", unable, "no Accept-Any-Recipient", Refusal::kRelay},
      {"c", "RCPT", single, "reject_single_label", Refusal::kRecipient},
      {"c", "RCPT", replies::kTooManyRecipients, "protocol", Refusal::kLimit},
      {"c", "DATA", replies::kBareLineEnd, "content", Refusal::kContent},
      {"c", "DATA", replies::kHopCount, "content", Refusal::kContent},
      {"c", "DATA", replies::kWriteFailed, "the spool could not", Refusal::kResources},
      {"c", "DATA", spam, "the milter refused it", Refusal::kMilter},
      {"c", "AUTH", replies::kLogonFailed, "no password", Refusal::kAuthentication},
      {"c", "AUTH", replies::kTooManyErrors, "wrong password", Refusal::kAuthentication},
      {"c", "AUTH", replies::kAuthUnavailable, "nobody can say", Refusal::kAuthentication},
      {"c", "AUTH", replies::kAuthNeedsTls, "AUTH is offered in TLS", Refusal::kAuthentication},
      {"c", "AUTH", replies::kBadBase64, "protocol", Refusal::kProtocol},
      {"c", "AUTH", replies::kAuthUnavailable, "limit x: 1/1", Refusal::kLimit},
      {"c", "FOO", replies::kUnrecognized, "protocol", Refusal::kProtocol},
      {"c", "MAIL", replies::kBadArguments, "protocol", Refusal::kProtocol},
      {"c", "FOO", replies::kTooManyErrors, "protocol", Refusal::kProtocol},
  };
  for (const auto& [connector, command, reply, reason, wanted] : kCases) {
    EXPECT_EQ(classify(connector, command, reply, reason), wanted)
        << command << ' ' << reply.code << ' ' << reply.text << ": "
        << name_of(classify(connector, command, reply, reason));
  }
}

TEST(refusals, names_lead_back) {
  for (size_t i = 0; i < kRefusals; ++i) {
    const auto refusal = static_cast<Refusal>(i);
    EXPECT_FALSE(name_of(refusal).empty());
    EXPECT_FALSE(describe(refusal).empty());
    EXPECT_EQ(refusal_of(name_of(refusal)), refusal);
  }
  EXPECT_EQ(refusal_of("nonsense"), std::nullopt);
}

TEST(top_clients, few_clients_are_counted_exactly) {
  TopClients top;
  for (uint32_t round = 0; round < 10; ++round) {
    for (uint32_t i = 0; i < TopClients::kPlaces; ++i) ++top.at(client(i)).messages;
  }
  ASSERT_EQ(top.places().size(), TopClients::kPlaces);
  for (const TopClients::Place& place : top.places()) {
    EXPECT_EQ(place.messages, 10U);
    EXPECT_EQ(place.inherited, 0U);
  }
}

// The guarantee of Space-Saving, against exact counts.
TEST(top_clients, whoever_makes_a_64th_of_all_is_there_and_bounds_hold) {
  Prng prng(7);
  TopClients top;
  std::map<uint32_t, uint64_t> exact;
  constexpr uint64_t kEvents = 50'000;
  for (uint64_t i = 0; i < kEvents; ++i) {
    // A tenth goes to each of three, the rest to a crowd of ten thousand.
    const uint64_t draw = prng.below(10);
    const auto who = static_cast<uint32_t>(draw < 3 ? draw : 100 + prng.below(10'000));
    ++exact[who];
    ++top.at(client(who)).connections;
  }
  uint32_t heavy = 0;
  for (const TopClients::Place& place : top.places()) {
    const auto who = static_cast<uint32_t>(place.address.low() - 0x0a000000);
    EXPECT_LE(place.connections, exact[who]) << "more than there were";
    EXPECT_GE(place.weight(), exact[who]) << "the upper bound is too low";
    if (exact[who] > kEvents / TopClients::kPlaces) ++heavy;
  }
  EXPECT_EQ(heavy, 3U);
}

TEST(top_clients, two_cores_are_summed) {
  TopClients a;
  TopClients b;
  a.at(client(1)).messages = 3;
  b.at(client(1)).messages = 4;
  b.at(client(2)).refused = 1;
  a.add(b);
  ASSERT_EQ(a.places().size(), 2U);
  EXPECT_EQ(a.at(client(1)).messages, 7U);
  EXPECT_EQ(a.at(client(2)).refused, 1U);
}

TEST(top_clients, v4_and_v6_of_the_same_bits_are_two) {
  TopClients top;
  ++top.at(IpAddress::v4(1)).messages;
  ++top.at(IpAddress::v6(0, 1)).messages;
  EXPECT_EQ(top.places().size(), 2U);
}

TEST(usage_table, a_place_for_each_connector_and_range) {
  UsageTable table;
  const AddressRange range = one(1);
  const AddressRange copy = one(1);
  ++table.at("a", &range).entry->figures.messages;
  ++table.at("a", &copy).entry->figures.messages;  // identity is the value
  ++table.at("b", &range).entry->figures.messages;
  ++table.at("a", nullptr).entry->figures.messages;
  ++table.at("", nullptr).entry->figures.messages;
  ASSERT_EQ(table.entries().size(), 4U);
  EXPECT_EQ(table.entries()[0].figures.messages, 2U);
  EXPECT_EQ(table.connectors().size(), 3U);
}

TEST(usage_table, grows_to_its_limit_and_starts_again) {
  UsageTable table;
  for (int round = 0; round < 2; ++round) {
    for (int pass = 0; pass < 2; ++pass) {
      for (uint32_t i = 0; i < UsageTable::kRangesMax; ++i) {
        const AddressRange range = one(i);
        ASSERT_EQ(pass == 0 && table.full(), false);
        ++table.at(i % 2 == 0 ? "even" : "odd", &range).entry->figures.connections;
      }
    }
    EXPECT_TRUE(table.full());
    ASSERT_EQ(table.entries().size(), UsageTable::kRangesMax);
    for (const UsageTable::Entry& entry : table.entries()) ASSERT_EQ(entry.figures.connections, 2U);
    table.clear();
    EXPECT_TRUE(table.empty());
    EXPECT_EQ(table.connectors().size(), 2U);
  }
}

}  // namespace
}  // namespace relais::admin
