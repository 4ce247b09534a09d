// The rows of [back_pressure]: four thresholds a resource.
#include "config/parameter.h"
#include "config/parameter_units.h"

namespace relais::config {
namespace {

using Settings = BackPressureSettings;
using Row = Parameter<Settings>;

constexpr Row percent(std::string_view key, uint32_t Settings::*member, std::string_view doc) {
  return {.key = key, .target = member, .min = 1, .max = 100, .doc = doc};
}

constexpr Row messages(std::string_view key, uint32_t Settings::*member, std::string_view doc) {
  return {.key = key, .target = member, .min = 1, .max = kCountMax, .doc = doc};
}

constexpr Row history(std::string_view key, Duration Settings::*member, std::string_view doc) {
  return {.key = key, .target = member, .min = 0, .max = kDay, .doc = doc};
}

constexpr Row kRows[] = {
    {.key = "enabled",
     .exchange = "EnableResourceMonitoring",
     .target = &Settings::enabled,
     .doc = "Whether resources are watched at all. Without it only a full spool refuses mail."},
    {.key = "poll_interval",
     .exchange = "ResourceMeteringInterval",
     .target = &Settings::poll_interval,
     .min = ns(seconds(1)),
     .max = ns(minutes(1)),
     .doc = "How often the figures are read, at most once a second."},

    percent("memory_medium", &Settings::memory_medium,
            "Private memory of the process, percent of what it may use (the limit of its control "
            "group, else the machine's memory): Medium from here."),
    percent("memory_high", &Settings::memory_high, "High from here."),
    percent("memory_high_ends", &Settings::memory_high_ends, "High until below this."),
    percent("memory_medium_ends", &Settings::memory_medium_ends, "Medium until below this."),
    history("memory_history", &Settings::memory_history,
            "How long memory may be Medium before mail is refused."),

    percent(
        "system_memory_medium", &Settings::system_memory_medium,
        "Used memory of the machine, or of the control group where that is nearer to its limit, "
        "in percent: Medium from here. Medium refuses nobody."),
    percent("system_memory_high", &Settings::system_memory_high,
            "High from here. 100 is practically never reached."),
    percent("system_memory_high_ends", &Settings::system_memory_high_ends,
            "High until below this."),
    percent("system_memory_medium_ends", &Settings::system_memory_medium_ends,
            "Medium until below this."),

    percent(
        "spool_disk_medium", &Settings::spool_disk_medium,
        "Used space of the file system that holds data_dir, in percent; what the spool has free "
        "in its own files counts as free: Medium from here."),
    percent("spool_disk_high", &Settings::spool_disk_high,
            "High from here, and while less than 500 MB are free (on disks of some GB)."),
    percent("spool_disk_high_ends", &Settings::spool_disk_high_ends, "High until below this."),
    percent("spool_disk_medium_ends", &Settings::spool_disk_medium_ends,
            "Medium until below this."),

    percent("spool_medium", &Settings::spool_medium,
            "Messages in the spool, percent of what max_size of all cores can hold: Medium from "
            "here."),
    percent("spool_high", &Settings::spool_high, "High from here."),
    percent("spool_high_ends", &Settings::spool_high_ends, "High until below this."),
    percent("spool_medium_ends", &Settings::spool_medium_ends, "Medium until below this."),

    messages("queue_medium", &Settings::queue_medium,
             "Messages that wait for delivery, on all cores: Medium from here. Exchange's four are "
             "9999, 15000, 10000 and 2000."),
    messages("queue_high", &Settings::queue_high, "High from here."),
    messages("queue_high_ends", &Settings::queue_high_ends, "High until below this."),
    messages("queue_medium_ends", &Settings::queue_medium_ends, "Medium until below this."),
    history("queue_history", &Settings::queue_history,
            "How long the queue may be Medium before mail is refused; until then MAIL waits."),
};

}  // namespace

std::span<const Row> back_pressure_parameters() { return kRows; }

}  // namespace relais::config
