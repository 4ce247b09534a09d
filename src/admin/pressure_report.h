// The states of the resources as `relais stats` shows them, and the form in which a server keeps
// them in its data folder (pressure_file.h). Pure.
//
//   {"version":1,"pid":4711,"updated":"2026-01-31T10:20:30.123Z","enabled":true,
//    "mail":{"external":"refused","internal":"taken","delay_s":0,"reply":"452 4.3.1 ..."},
//    "resources":[{"resource":"spool_disk","state":"Medium","figure":91,"unit":"percent",
//      "since":"...","medium":89,"high":99,"high_ends":90,"medium_ends":80}, ...]}
//
// "figure" is null when it is not known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "base/clock.h"
#include "policy/back_pressure.h"

namespace relais::admin {

struct PressureReport {
  int64_t pid = 0;  // of the server that watches; 0: it has ended in order
  WallTime updated;
  bool enabled = false;
  struct Mail {
    bool external_refused = false;
    bool internal_refused = false;
    uint64_t delay_s = 0;  // of the reply to MAIL, to external clients
    std::string reply;     // when somebody is refused
  } mail;
  struct Entry {
    policy::Resource resource = policy::Resource::kMemory;
    policy::Pressure pressure = policy::Pressure::kNormal;
    std::optional<uint64_t> figure;
    WallTime since;
    policy::PressureThresholds thresholds;
  };
  std::vector<Entry> resources;
};

[[nodiscard]] PressureReport::Mail mail_of(const policy::BackPressure& answers);

[[nodiscard]] std::string to_json(const PressureReport& report);
// nullopt: it is none. Never throws.
[[nodiscard]] std::optional<PressureReport> pressure_report_from_json(std::string_view text);

// For `relais stats`: without version and pid; and as a table.
[[nodiscard]] Json record_of(const PressureReport& report);
[[nodiscard]] std::string pressure_text(const PressureReport& report, WallTime now);

}  // namespace relais::admin
