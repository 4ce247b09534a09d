// Reads a configuration folder. Never throws, never half succeeds: either a Model, or every finding
// at once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/lines.h"
#include "config/model.h"
#include "config/rules.h"

namespace relais::config {

struct Finding {
  enum class Severity : uint8_t { kError, kWarning };
  Severity severity = Severity::kError;
  Rule rule = Rule::kNotAllowed;
  std::string file;   // as the user would name it: DIR/connectors/x.toml
  uint32_t line = 0;  // 0: the file as a whole
  std::string key;    // "remote_ip_ranges[2]"; empty: none
  std::string what;   // what was found and what is wrong with it
  std::string cure;   // what is allowed, or what to do
};
// "conf/x.toml:7: remote_ip_ranges[2]: '10.0.0.0/33': a prefix of IPv4 has at most 32 bits. Write
// ... [R007]"
[[nodiscard]] std::string to_string(const Finding& finding);
// The same without the place: "remote_ip_ranges[2]: '10.0.0.0/33': a prefix of ..."
[[nodiscard]] std::string sentence(const Finding& finding);

struct Loaded {
  bool ok = false;  // no finding of severity error
  Model model;      // good to serve only when ok; else what could be read
  std::vector<Finding> findings;
  std::vector<ConnectorLines> lines;  // of each of model.receive_connectors
};
// Names of files in the folder ("relais.toml", "connectors/x.toml") and what they would hold;
// nullopt: the file would be gone.
using Overlay = std::map<std::string, std::optional<std::string>>;
// Whether the files of [tls], [auth] and Send connectors are looked at: by those who will serve
// with them, and for their sake. Others may not even be allowed to read them.
enum class Secrets : uint8_t { kUnread, kRead };
// `addresses` of this machine: bindings are held against them as well. `overlay`: what load would
// say if the folder were like that.
[[nodiscard]] Loaded load(const std::string& directory,
                          const std::vector<IpAddress>& addresses = {}, const Overlay& overlay = {},
                          Secrets secrets = Secrets::kUnread);
// A folder of connectors alone, without relais.toml: what concerns them both is not checked.
[[nodiscard]] Loaded load_connectors(const std::string& folder);
// True when it is a folder and has neither relais.toml nor connectors/ in it.
[[nodiscard]] bool is_connector_folder(const std::string& folder);

}  // namespace relais::config
