// `relais replay`: yesterday's message log against other limits, without traffic.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "admin/log_event.h"
#include "admin/notices.h"
#include "admin/replay.h"
#include "admin/replay_log.h"
#include "admin/replay_report.h"
#include "base/result.h"
#include "config/load.h"
#include "main/commands.h"

namespace relais {
namespace {

// What was being written when the log was copied has no end, and is no line yet.
void read_log(std::istream& in, const std::string& name, admin::ReplayLog& log,
              admin::ReplayReading& reading) {
  admin::LogEvent event;
  std::string line;
  std::string problem;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    ++reading.lines;
    if (!event.read(line, problem)) {
      if (reading.unreadable++ == 0)
        reading.first_unreadable = fmt::format("{}:{}: {}", name, number, problem);
    } else if (log.add(event)) {
      ++reading.used;
    } else {
      ++reading.other;
    }
  }
}

bool read_logs(const std::vector<std::string>& files, admin::ReplayLog& log,
               admin::ReplayReading& reading) {
  std::ios::sync_with_stdio(false);
  for (const std::string& name : files) {
    if (name == "-") {
      read_log(std::cin, "standard input", log, reading);
      continue;
    }
    errno = 0;
    std::ifstream file(name, std::ios::binary);
    if (file) file.peek();  // a folder can be opened
    if (!file && !file.eof()) {
      admin::say("relais replay: {} cannot be read: {}\n", name, describe(error_from_errno(errno)));
      return false;
    }
    file.clear();
    read_log(file, name, log, reading);
  }
  return true;
}

}  // namespace

int replay(const ReplayArguments& arguments) {
  const config::Loaded loaded = config::load(arguments.folder);
  if (!loaded.ok) {
    for (const auto& finding : loaded.findings) admin::say("{}\n", config::to_string(finding));
    admin::say("relais replay: the configuration in {} is not valid\n", arguments.folder);
    return 1;
  }
  admin::ReplayLog log;
  admin::ReplayReading reading;
  reading.files = arguments.files;
  reading.config = arguments.folder;
  if (!read_logs(arguments.files, log, reading)) return 1;
  if (reading.used == 0) {
    admin::say("relais replay: none of {} says what a client did{}\n",
               admin::plural(reading.lines, "line"),
               reading.unreadable > 0
                   ? "; the first that could not be read is " + reading.first_unreadable
                   : ". Write the file that log_file names");
    return 1;
  }
  const admin::Replay result = admin::replay(log, loaded.model, arguments.top);
  const std::string text =
      arguments.json ? admin::replay_json(result, reading) : admin::replay_text(result, reading);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace relais
