#include <cstdio>
#include <fstream>
#include <iterator>

#include "admin/difference.h"
#include "admin/notices.h"
#include "config/load.h"
#include "main/commands.h"

namespace relais {
namespace {

bool read_side(const std::string& folder, config::Loaded& loaded) {
  loaded =
      config::is_connector_folder(folder) ? config::load_connectors(folder) : config::load(folder);
  if (loaded.ok) return true;
  for (const auto& finding : loaded.findings) admin::say("{}\n", config::to_string(finding));
  admin::say("relais diff: the configuration in {} is not valid\n", folder);
  return false;
}

}  // namespace

int diff(const DiffArguments& arguments) {
  config::Loaded before;
  config::Loaded after;
  const bool readable = read_side(arguments.before, before);
  if (!read_side(arguments.after, after) || !readable) return 2;
  admin::ClientList clients;
  if (!arguments.clients.empty()) {
    std::ifstream file(arguments.clients, std::ios::binary);
    if (!file.is_open()) {
      admin::say("relais diff: {} cannot be read\n", arguments.clients);
      return 2;
    }
    const std::string text(std::istreambuf_iterator<char>(file), {});
    auto parsed = admin::parse_clients(text);
    if (!parsed) {
      admin::say("relais diff: {}: {}\n", arguments.clients, parsed.error());
      return 2;
    }
    clients = std::move(*parsed);
  }
  const admin::Difference found =
      admin::difference(before.model, after.model, arguments.clients.empty() ? nullptr : &clients);
  const std::string text = arguments.json ? admin::to_json(found) : admin::to_text(found);
  std::fputs(text.c_str(), stdout);
  return found.empty() ? 0 : 1;
}

}  // namespace relais
