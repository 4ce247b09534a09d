// `relais limit`: changes a limit of the running server for a while. The server decides and keeps
// the book (admin/override_keeper.h); this asks it and writes the audit log.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <expected>
#include <utility>

#include "admin/notices.h"
#include "admin/override_book.h"
#include "admin/when.h"
#include "config/load.h"
#include "main/commands.h"
#include "ring/linux_kernel.h"
#include "shell/audit_log.h"
#include "shell/server_link.h"

namespace relais {
namespace {

constexpr int kAnswerWait = 10'000;  // milliseconds; the server may be reading a million ranges

constexpr std::string_view kUsage =
    "write relais limit set CONNECTOR LIMIT=RATE [burst=N] --for TIME [--keep], such as\n"
    "  relais limit set \"Anonymous Relay\" messages/source=1200/min --for 2h\n"
    "or relais limit remove CONNECTOR LIMIT, or relais limit list";

int wrong_limit(std::string_view what) {
  admin::say("relais limit: {}\n", what);
  return 2;
}

int no_limit(std::string_view what) {
  admin::say("relais limit: {}\n", what);
  return 1;
}

// Unexpected: what is wrong with the words.
std::expected<admin::OverrideRequest, std::string> request_of(const LimitArguments& arguments) {
  const auto& words = arguments.words;
  admin::OverrideRequest request;
  request.removes = words[0] == "remove";
  request.keep = arguments.keep;
  request.uid = getuid();
  request.user = shell::audit_user();
  request.wanted.connector = words[1];
  if (request.removes) {
    if (words.size() != 3 || !arguments.time.empty() || arguments.keep)
      return std::unexpected(std::string(kUsage));
    request.wanted.limit = words[2];
    return request;
  }
  for (size_t i = 2; i < words.size(); ++i) {
    const size_t sign = words[i].find('=');
    if (sign == std::string::npos) {
      return std::unexpected(
          fmt::format("'{}': the = is missing, as in messages/source=1200/min", words[i]));
    }
    const std::string name = words[i].substr(0, sign);
    std::string& value = name == "burst" ? request.wanted.burst : request.wanted.value;
    if (!value.empty() || sign + 1 == words[i].size()) {
      return std::unexpected(fmt::format(
          "'{}': {}", words[i],
          value.empty() ? "nothing behind the =" : "one limit at a time, and one burst="));
    }
    value = words[i].substr(sign + 1);
    if (name != "burst") request.wanted.limit = name;
  }
  if (request.wanted.limit.empty()) return std::unexpected(std::string(kUsage));
  if (arguments.time.empty())
    return std::unexpected(std::string("--for is missing: how long, such as --for 2h"));
  const auto time = config::override_time(arguments.time);
  if (!time) return std::unexpected(time.error());
  request.time = *time;
  return request;
}

std::string command_line(const LimitArguments& arguments) {
  std::string line = "relais limit";
  for (const std::string& word : arguments.words)
    line += word.find(' ') == std::string::npos ? " " + word : " \"" + word + '"';
  if (!arguments.time.empty()) line += " --for " + arguments.time;
  if (arguments.keep) line += " --keep";
  return line;
}

void print_done(const admin::OverrideAnswer& answer, bool removed, bool json) {
  if (json) {
    admin::Json record{
        {"connector", answer.connector}, {"limit", answer.limit},      {"before", answer.before},
        {"after", answer.after},         {"was", answer.was},          {"until", nullptr},
        {"keep", answer.keep},           {"warnings", answer.warnings}};
    if (!removed) record["until"] = iso8601(answer.until);
    std::fputs((admin::to_line(record) + '\n').c_str(), stdout);
    return;
  }
  std::string text = fmt::format("limit {} of \"{}\" was {} and is {}", answer.limit,
                                 answer.connector, answer.before, answer.after);
  if (removed) {
    text += ", as the configuration says.\n";
  } else {
    text += fmt::format(
        " until {}. {}\n", admin::for_people(answer.until),
        answer.keep ? "That is kept over a restart." : "A restart of the server ends that, too.");
  }
  for (const std::string& warning : answer.warnings) text += "warning: " + warning + '\n';
  std::fputs(text.c_str(), stdout);
}

int change_limit(const LimitArguments& arguments, const admin::OverrideRequest& request,
                 const config::ServerSettings& settings, const admin::ServerState& server) {
  const auto log =
      shell::AuditLog::open(shell::audit_path(settings, arguments.folder + "/audit.log"));
  if (!log) {
    return no_limit(
        fmt::format("the audit log cannot be written, so nothing was changed: {}", log.error()));
  }
  const auto asked = shell::ask_for_limit(settings.data_dir, server, request, kAnswerWait);
  if (!asked.problem.empty()) {
    return no_limit(fmt::format("the running server (process {}) could not be asked: {}",
                                server.pid, asked.problem));
  }
  const admin::OverrideAnswer& answer = asked.answer;
  shell::AuditEntry entry{.command = command_line(arguments),
                          .file = {},
                          .before = {},
                          .after = {},
                          .result = "taken by the server"};
  if (!asked.answered) entry.result = "no answer of the server";
  if (asked.answered && !answer.ok)
    entry.result = fmt::format("refused by the server: {}", answer.problem);
  if (asked.answered && answer.ok) {
    const std::string key = fmt::format("limit {} of \"{}\"", answer.limit, answer.connector);
    entry.before.emplace_back(key, answer.before);
    entry.after.emplace_back(key, answer.after);
    if (!request.removes) entry.after.emplace_back("until", iso8601(answer.until));
  }
  if (const auto appended = log->append(entry); !appended)
    admin::say("relais limit: the audit log could not be written: {}\n", appended.error());
  if (!asked.answered) {
    return no_limit(
        fmt::format("the running server (process {}) has not answered for {} s; its standard error "
                    "and relais limit list say what is in force",
                    server.pid, kAnswerWait / 1000));
  }
  if (!answer.ok) return no_limit(answer.problem);
  print_done(answer, request.removes, arguments.json);
  return 0;
}

int list_limits(const LimitArguments& arguments, const std::string& data_dir,
                const admin::ServerState& server) {
  const auto book = admin::read_overrides(data_dir);
  if (!book || book->pid != server.pid) {
    return no_limit(fmt::format("{} is not that of the running server (process {})",
                                admin::override_path(data_dir), server.pid));
  }
  std::string text;
  if (arguments.json) {
    text = admin::to_line(admin::overrides_record(*book, {})) + '\n';
  } else {
    text = admin::overrides_text(*book, {}, ring::LinuxKernel().wall_now());
    if (text.empty()) text = "No limit is overridden.\n";
  }
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

int limit(const LimitArguments& arguments) {
  const auto& words = arguments.words;
  const bool lists = !words.empty() && words[0] == "list";
  const bool changes = !words.empty() && (words[0] == "set" || words[0] == "remove");
  if (lists ? words.size() != 1 : !changes || words.size() < 3) return wrong_limit(kUsage);
  // What is wrong with the words is wrong with or without a server.
  std::expected<admin::OverrideRequest, std::string> request;
  if (changes) request = request_of(arguments);
  if (!request) return wrong_limit(request.error());
  // A file that is being edited may be wrong at this moment; the server has the last good one.
  const config::Loaded loaded = config::load(arguments.folder);
  const config::ServerSettings& settings = loaded.model.server;
  const auto server = shell::running_server(settings.data_dir, arguments.folder);
  if (!server) {
    return no_limit(
        fmt::format("{}; a limit is overridden on a running server. For good, edit the connector's "
                    "file",
                    shell::why_no_server(settings.data_dir, arguments.folder)));
  }
  return lists ? list_limits(arguments, settings.data_dir, *server)
               : change_limit(arguments, *request, settings, *server);
}

}  // namespace relais
