// Stream sockets in the data folder, by which commands of this machine reach a running server.
// Blocking calls; errors are for people.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace relais::admin {

// A listening socket in place of whatever stands there; non-blocking. The data folder must be ours
// alone. -1: `problem` says why. `mode`: from the start, for everybody who may reach the folder.
[[nodiscard]] int listen_at(const std::string& path, mode_t mode, int backlog,
                            std::string& problem);

// A connected socket to `name` in the data folder. -1: `problem` says why.
[[nodiscard]] int connect_to(const std::string& data_dir, std::string_view name,
                             std::string& problem);

}  // namespace relais::admin
