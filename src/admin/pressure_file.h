// resources.json in the data folder: the states of the resources as a running server last saw them.
// Written in place and padded to whole blocks, so that a full disk, which is what it may have to
// tell about, does not keep it from being written; a reader that comes in the middle reads again.
#pragma once

#include <optional>
#include <string>

#include "admin/pressure_report.h"
#include "base/result.h"

namespace relais::admin {

[[nodiscard]] std::string pressure_path(const std::string& data_dir);
[[nodiscard]] Result<void> write_pressure(const std::string& data_dir,
                                          const PressureReport& report);
// Nothing: it is not there, or damaged.
[[nodiscard]] std::optional<PressureReport> read_pressure(const std::string& data_dir);

}  // namespace relais::admin
