#include "admin/difference.h"

#include <gtest/gtest.h>

#include "folder.h"

namespace relais::admin {
namespace {

config::Model model_of(const std::string& ranges, const std::string& more = {},
                       const std::string& main = {}) {
  config::Folder folder;
  folder.write("relais.toml", main + std::string(config::kGoodMain));
  folder.write("connectors/relay.toml",
               "name = \"Relay\"\nbindings = [\"0.0.0.0:25\"]\nremote_ip_ranges = [" + ranges +
                   "]\npermission_groups = [\"AnonymousUsers\"]\n" + more +
                   "[[permission]]\nuser = 'NT AUTHORITY\\ANONYMOUS LOGON'\n"
                   "extended_rights = [\"ms-Exch-SMTP-Accept-Any-Recipient\"]\n");
  folder.write("connectors/default.toml",
               "name = \"Default\"\nusage = \"Internet\"\nbindings = [\"0.0.0.0:25\"]\n");
  const auto loaded = folder.load();
  EXPECT_TRUE(loaded.ok);
  return loaded.model;
}

TEST(Difference, OfTheSameIsNone) {
  const auto model = model_of("\"10.0.0.1\"");
  const Difference none = difference(model, model_of("\"10.0.0.1\""), nullptr);
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(to_text(none), "no change\n");
}

TEST(Difference, TellsWhoLosesWhat) {
  const auto before = model_of("\"192.168.5.10-192.168.5.20\"", "",
                               "[[accepted_domain]]\nname = "
                               "\"a.com\"");
  const auto after = model_of("\"192.168.5.10-192.168.5.11\"", "max_message_size = \"1MB\"\n",
                              "[[accepted_domain]]\nname = \"b.com\"");
  EXPECT_EQ(to_text(difference(before, after, nullptr)),
            "192.168.5.12-192.168.5.20 on 0.0.0.0:25: \"Relay\" -> \"Default\": loses "
            "ms-Exch-SMTP-Accept-Any-Recipient\n"
            "Receive connector \"Relay\": remote_ip_ranges: 1 added, 1 removed\n"
            "Receive connector \"Relay\": max_message_size: 36MB -> 1MB\n"
            "accepted domain \"a.com\": removed\n"
            "accepted domain \"b.com\": added\n");
  const auto clients =
      parse_clients("# from the log\n192.168.5.12 1234\n\n192.168.5.10\t5\n10.1.1.1");
  ASSERT_TRUE(clients);
  const Difference some = difference(before, after, &*clients);
  ASSERT_EQ(some.clients.changes.size(), 1U);
  EXPECT_TRUE(
      to_text(some).starts_with("192.168.5.12 on 0.0.0.0:25: \"Relay\" -> \"Default\": loses "
                                "ms-Exch-SMTP-Accept-Any-Recipient (1234)\n"));
  EXPECT_NE(to_json(some).find("\"clients\":[{\"local\":\"0.0.0.0:25\",\"first\":\"192.168.5.12\","
                               "\"last\":\"192.168.5.12\",\"before\":\"Relay\",\"after\":"
                               "\"Default\",\"loses\":[\"ms-Exch-SMTP-Accept-Any-Recipient\"],"
                               "\"gains\":[],\"count\":1234}]"),
            std::string::npos)
      << to_json(some);
}

TEST(Difference, ClientFilesThatCannotBeRead) {
  EXPECT_EQ(parse_clients("10.0.0.1\nhost\n").error(), "line 2: 'host' is no IP address");
  EXPECT_EQ(parse_clients("10.0.0.1 x").error(),
            "line 1: behind the address there may be one count, and nothing else");
  EXPECT_EQ(parse_clients("10.0.0.1 1 2").error(),
            "line 1: behind the address there may be one count, and nothing else");
  EXPECT_TRUE(parse_clients("")->addresses.empty());
  EXPECT_EQ(parse_clients("::1,7\r\n")->counts, std::vector<uint64_t>{7});
}

}  // namespace
}  // namespace relais::admin
