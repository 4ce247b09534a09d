// [protocol_log]: its rows, reader and check.
#include <fmt/format.h>

#include "config/checks.h"
#include "config/parameter.h"
#include "config/parameter_units.h"
#include "config/readers.h"
#include "config/section.h"
#include "config/values.h"

namespace relais::config {
namespace {

constexpr Parameter<ProtocolLogSettings> kProtocolLog[] = {
    {.key = "folder",
     .exchange = "ReceiveProtocolLogPath",
     .target = read_checked<ProtocolLogSettings, &ProtocolLogSettings::folder, check_path>,
     .allowed = "a folder; a relative path starts at the configuration folder",
     .default_text = "protocol in data_dir",
     .doc = "Where the files are."},
    {.key = "max_file_size",
     .exchange = "ReceiveProtocolLogMaxFileSize",
     .target = &ProtocolLogSettings::max_file_size,
     .min = 4 * kKiB,
     .max = 16 * kGiB,
     .unit = Unit::kOctets,
     .doc = "A file that would be larger is ended, and the next one begun."},
    {.key = "max_folder_size",
     .exchange = "ReceiveProtocolLogMaxDirectorySize",
     .target = &ProtocolLogSettings::max_folder_size,
     .min = 8 * kKiB,
     .max = 16 * kTiB,
     .unit = Unit::kOctets,
     .doc = "Of all files together; the oldest go first. At least twice max_file_size."},
    {.key = "max_age",
     .exchange = "ReceiveProtocolLogMaxAge",
     .target = &ProtocolLogSettings::max_age,
     .min = ns(hours(1)),
     .max = 3660 * kDay,
     .doc = "Of a file, from the end of its day (UTC); then it is removed."},
};

}  // namespace

std::span<const Parameter<ProtocolLogSettings>> protocol_log_parameters() { return kProtocolLog; }

void read_protocol_log(const Value& value, const Place& place, ModelDraft& model) {
  model.protocol_log_lines =
      read_table(protocol_log_parameters(), value, place, model.protocol_log);
}

void check_protocol_log(const ModelDraft& model, const Place& main_file) {
  const ProtocolLogSettings& log = model.protocol_log;
  if (log.max_folder_size / 2 >= log.max_file_size) return;
  main_file.key("protocol_log", 0)
      .key("max_folder_size", model.protocol_log_lines.of("max_folder_size"))
      .error(Rule::kLimitsContradict,
             fmt::format("{} is less than two files of max_file_size ({})",
                         print_size(log.max_folder_size), print_size(log.max_file_size)),
             fmt::format("Write at least {}, or a smaller max_file_size",
                         print_size(2 * log.max_file_size)));
}

}  // namespace relais::config
