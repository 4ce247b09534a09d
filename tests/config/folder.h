// A configuration folder for one test: files from strings, gone with the object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace relais::config {

using Texts = std::vector<std::string>;

class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // "relais.toml", "connectors/a.toml"
  Folder& write(const std::string& name, std::string_view text);
  Folder& remove(const std::string& name);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Loaded load() const;
  // The addresses of the machine that bindings are held against; without them nothing is.
  Folder& machine(const std::vector<std::string>& addresses);
  // The findings as a person sees them, with DIR for the folder's own name.
  [[nodiscard]] Texts numbered_findings() const;
  // The same without the number, which must be there.
  [[nodiscard]] Texts findings() const;

 private:
  std::string path_;
  std::vector<IpAddress> addresses_;
};

// The least that loads without a finding. Line 1 of the main file is free for a section of one's
// own.
inline constexpr std::string_view kGoodMain =
    "\n"
    "[[send_connector]]\n"
    "name = \"Out\"\n"
    "address_spaces = [\"*\"]\n"
    "smart_hosts = [\"192.0.2.1\"]\n";
inline constexpr std::string_view kGoodConnector =
    "name = \"In\"\n"
    "bindings = [\"0.0.0.0:25\"]\n"
    "remote_ip_ranges = [\"192.168.5.0/24\"]\n"
    "permission_groups = [\"AnonymousUsers\"]\n";

}  // namespace relais::config
