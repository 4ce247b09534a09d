#include "config/settings.h"

#include <gtest/gtest.h>

#include "folder.h"

namespace relais::config {
namespace {

TEST(Settings, EveryParameterHasAText) {
  const policy::ReceiveConnector connector;
  for (const auto& row : receive_connector_parameters()) {
    EXPECT_FALSE(setting_text(connector, row).empty()) << row.key;
  }
}

std::vector<std::string> changes(const std::string& before, const std::string& after) {
  const auto read = [](const std::string& text) {
    Folder folder;
    folder.write("relais.toml", kGoodMain);
    folder.write("connectors/in.toml", std::string(kGoodConnector) + text);
    return folder.load().model.receive_connectors.at(0);
  };
  std::vector<std::string> texts;
  for (const auto& change : setting_changes(read(before), read(after))) {
    texts.push_back(change.key + ": " + change.before + " -> " + change.after);
  }
  return texts;
}

TEST(Settings, ChangesAreNamedByKey) {
  EXPECT_EQ(changes("", ""), Texts{});
  EXPECT_EQ(changes("", "max_message_size = \"36MB\"\n"), Texts{});  // the default
  EXPECT_EQ(changes("", "max_message_size = \"1MB\"\nbanner = \"220 x\"\nenabled = false\n"),
            (Texts{"enabled: true -> false", "banner: \"\" -> \"220 x\"",
                   "max_message_size: 36MB -> 1MB"}));
  EXPECT_EQ(changes("connection_timeout = \"20m\"\n", "auth_mechanism = [\"None\"]\n"),
            (Texts{"auth_mechanism: [\"Tls\"] -> [\"None\"]", "connection_timeout: 20m -> 10m"}));
  EXPECT_EQ(changes("",
                    "[[permission]]\nuser = 'ANONYMOUS LOGON'\n"
                    "extended_rights = [\"ms-Exch-SMTP-Submit\"]\n"),
            Texts{"permission:  -> 1 added"});
}

TEST(Settings, LimitsAreToldOneByOne) {
  const std::string bytes =
      "[[limit]]\nmeasure = \"bytes\"\nper = \"source/24\"\nrate = \"50MB/min\"\n";
  const std::string messages = "[[limit]]\nmeasure = \"messages\"\nrate = \"10/15s\"\n";
  EXPECT_EQ(changes(bytes + messages, messages + bytes), Texts{});
  EXPECT_EQ(changes(messages, messages + "burst = 5\naction = [\"delay\", \"close\"]\n" + bytes),
            (Texts{"limit bytes/source/24:  -> 50MB/min burst 50MB defer",
                   "limit messages/connector: 10/15s burst 10 defer -> 10/15s burst 5 delay up to "
                   "30s, close at 200%"}));
  EXPECT_EQ(changes("[[limit]]\nmeasure = \"concurrent\"\nmax = 7\n", ""),
            Texts{"limit concurrent/connector: at most 7 close -> "});
}

}  // namespace
}  // namespace relais::config
