// Limits against the rest of their connector: word for word what check says, and what it leaves
// alone.
#include <gtest/gtest.h>

#include "folder.h"

namespace relais::config {
namespace {

// The keys stand from line 5.
Texts findings(const std::string& keys) {
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/in.toml", std::string(kGoodConnector) + keys);
  return folder.findings();
}

Texts one(const std::string& text) { return {"DIR/connectors/in.toml:" + text}; }

std::string limit(const std::string& measure, const std::string& per, const std::string& more) {
  return "[[limit]]\nmeasure = \"" + measure + "\"\nper = \"" + per + "\"\n" + more;
}

TEST(LimitChecks, BytesThatWouldStopMailForEver) {
  EXPECT_EQ(
      findings(limit("bytes", "source", "rate = \"10MB/min\"\n")),
      one("8: limit[0].rate: the burst is 10MB and max_message_size 36MB: a message of that "
          "size would never pass. Write burst = \"36MB\" or more, or a max_message_size of at "
          "most 10MB."));
  EXPECT_EQ(
      findings(limit("bytes", "source",
                     "rate = \"10MB/min\"\nburst = \"1MB\"\naction = [\"delay\", \"close\"]\n")),
      one("9: limit[0].burst: the burst is 1MB, 200% of it 2MB, and max_message_size 36MB: a "
          "message of that size would never pass. Write burst = \"18MB\" or more, or a "
          "max_message_size of at most 2MB."));
  EXPECT_EQ(findings(limit("bytes", "source",
                           "rate = \"10MB/min\"\nburst = \"18MB\"\nmax_delay = \"2m\"\n"
                           "action = [\"delay\", \"close\"]\n")),
            Texts{});
  EXPECT_EQ(
      findings("max_message_size = \"10MB\"\n" + limit("bytes", "source", "rate = \"10MB/min\"\n")),
      Texts{});
}

TEST(LimitChecks, WhatNothingCountsYet) {
  EXPECT_EQ(findings(limit("auth_failures", "source", "rate = \"5/min\"\n")),
            one("6: warning: limit[0].measure: nothing counts auth_failures: AUTH is not offered. "
                "Add BasicAuth to auth_mechanism, or take the limit away."));
  EXPECT_EQ(findings(limit("tls_handshakes", "source", "rate = \"5/min\"\n")), Texts{});
}

TEST(LimitChecks, DelaysThatNoClientWaitsFor) {
  const std::string delay = "rate = \"5/min\"\naction = \"delay\"\n";
  EXPECT_EQ(findings("connection_inactivity_timeout = \"6m\"\n" +
                     limit("messages", "source", delay + "max_delay = \"301s\"\n")),
            one("11: warning: limit[0].max_delay: replies would wait for up to 301s, and clients "
                "give up after 5 minutes (RFC 5321). Write a max_delay of at most 5m."));
  EXPECT_EQ(
      findings("connection_inactivity_timeout = \"10s\"\n" + limit("messages", "source", delay)),
      one("10: warning: limit[0].action: replies would wait for up to 30s, longer than "
          "connection_inactivity_timeout (10s). Write a max_delay of at most 10s."));
  EXPECT_EQ(findings(limit("messages", "source", delay + "max_delay = \"5m\"\n")), Texts{});
}

TEST(LimitChecks, AShadowHoldsNobodyBack) {
  const std::string shadow = limit("errors", "source", "rate = \"5/min\"\naction = \"shadow\"\n");
  EXPECT_EQ(findings(shadow),
            one("9: warning: limit[0].action: errors/source only counts and logs; it holds nobody "
                "back. Leave it as long as you watch the log; then write the action that is "
                "meant."));
}

TEST(LimitChecks, ALimitThatAnotherOneAlwaysMeetsFirst) {
  const std::string all = limit("messages", "connector", "rate = \"300/min\"\nburst = 50\n");
  EXPECT_EQ(findings(all + limit("messages", "source", "rate = \"5/s\"\nburst = 50\n")),
            one("10: warning: limit[1]: messages/source can never be reached: messages/connector "
                "is 300/min with a burst of 50 (line 5). Write lower numbers, or take the limit "
                "away."));
  EXPECT_EQ(findings(limit("recipients", "source/24", "rate = \"60/min\"\n") +
                     limit("recipients", "source/25", "rate = \"60/min\"\n")),
            one("9: warning: limit[1]: recipients/source/25 can never be reached: "
                "recipients/source/24 is 60/min (line 5). Write lower numbers, or take the limit "
                "away."));
  EXPECT_EQ(
      findings("message_rate_limit = 600\n" + all),
      one("5: warning: message_rate_limit: 600 a minute can never be reached: "
          "messages/connector is 300/min with a burst of 50 (line 6). Write a smaller number, "
          "or take one of the two away."));
  EXPECT_EQ(findings(limit("concurrent", "source", "max = 20\n")),
            one("5: warning: limit[0]: concurrent/source can never be reached: "
                "max_inbound_connection_per_source is 20. Write lower numbers, or take the limit "
                "away."));
  EXPECT_EQ(findings("max_inbound_connection_per_source = \"unlimited\"\n" +
                     limit("concurrent", "source/24", "max = 6000\n")),
            one("6: warning: limit[0]: concurrent/source/24 can never be reached: "
                "max_inbound_connection is 5000. Write lower numbers, or take the limit away."));
}

TEST(LimitChecks, LimitsThatCanBeReachedAreFine) {
  const auto beside = [](const std::string& other, const std::string& per,
                         const std::string& more) {
    return findings(limit("messages", "connector", "rate = \"300/min\"\nburst = 50\n" + other) +
                    limit("messages", per, more));
  };
  EXPECT_EQ(beside("", "source", "rate = \"299/min\"\nburst = 50\n"), Texts{});  // slower
  EXPECT_EQ(beside("", "source", "rate = \"600/min\"\nburst = 49\n"), Texts{});  // a smaller burst
  // What delays lets more pass than its burst; a second step counts what another one refused.
  EXPECT_EQ(beside("action = \"delay\"\n", "source", "rate = \"300/min\"\nburst = 50\n"), Texts{});
  EXPECT_EQ(
      beside("", "source", "rate = \"300/min\"\nburst = 50\naction = [\"defer\", \"close\"]\n"),
      Texts{});
  // Neither holds the other's clients.
  EXPECT_EQ(findings(limit("errors", "source/24,64", "rate = \"60/min\"\n") +
                     limit("errors", "source/32,48", "rate = \"60/min\"\n")),
            Texts{});
  EXPECT_EQ(findings(limit("concurrent", "source", "max = 19\n")), Texts{});
  EXPECT_EQ(findings(limit("concurrent", "connector", "max = 100\n")), Texts{});
}

TEST(LimitChecks, BesideAParameterOfTheSameKeyTheLowerOneBinds) {
  EXPECT_EQ(findings("message_rate_limit = 600\n" +
                     limit("messages", "source", "rate = \"5/s\"\nburst = 50\n")),
            one("6: warning: limit[0]: messages/source is also limited by message_rate_limit (line "
                "5): both are in force, and the lower one binds. Leave it if both are meant, or "
                "take one of the two away."));
  EXPECT_EQ(findings("max_inbound_connection_per_source = 30\n" +
                     limit("concurrent", "source", "max = 10\n")),
            one("6: warning: limit[0]: concurrent/source is also limited by "
                "max_inbound_connection_per_source (line 5): both are in force, and the lower one "
                "binds. Leave it if both are meant, or take one of the two away."));
  EXPECT_EQ(findings("message_rate_limit = 600\nmessage_rate_source = \"All\"\n" +
                     limit("messages", "sender", "rate = \"5/s\"\n")),
            Texts{});
}

TEST(LimitChecks, AnonymousClientsChooseTheirSender) {
  const std::string cure = "Write message_rate_source = \"All\" or \"IPAddress\".";
  EXPECT_EQ(findings("message_rate_limit = 600\nmessage_rate_source = \"User\"\n"),
            one("6: warning: message_rate_source: anonymous clients choose their sender "
                "themselves: with another one they get another bucket. " +
                cure));
  EXPECT_EQ(findings("message_rate_limit = 600\nmessage_rate_source = \"All\"\n"), Texts{});
  const std::string by_domain = limit("recipients", "sender_domain", "rate = \"600/min\"\n");
  EXPECT_EQ(findings(by_domain),
            one("7: warning: limit[0].per: anonymous clients choose their sender's domain "
                "themselves: with another one they get another bucket. Add a limit of recipients "
                "per \"source\"."));
  EXPECT_EQ(findings(by_domain + limit("recipients", "source", "rate = \"900/min\"\n")), Texts{});
  // Who is externally secured has been vouched for.
  Folder folder;
  folder.write("relais.toml", kGoodMain);
  folder.write("connectors/in.toml",
               "name = \"In\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [\"10.0.0.1\"]\n"
               "permission_groups = [\"ExchangeServers\"]\n"
               "auth_mechanism = [\"ExternalAuthoritative\"]\n" +
                   by_domain);
  EXPECT_EQ(folder.findings(), Texts{});
}

}  // namespace
}  // namespace relais::config
