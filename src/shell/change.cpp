#include "shell/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "config/write_file.h"
#include "shell/audit_log.h"
#include "shell/server_link.h"

namespace relais::shell {
namespace {

using config::Finding;

constexpr int kLockWait = 5000;    // milliseconds
constexpr int kReloadWait = 3000;  // milliseconds

constexpr std::string_view kNewMainFile =
    "# Made by relais shell. docs/config.md names every key.\n";

// Lines move when a file is edited; what is wrong stays the same.
bool is_same(const Finding& a, const Finding& b) {
  return a.severity == b.severity && a.file == b.file && a.key == b.key && a.what == b.what;
}

// What a finding says to somebody who has typed a cmdlet and not a line of a file.
std::string told(const Finding& finding, const Folder& folder, const Change& change) {
  const std::string said = config::sentence(finding);
  if (finding.file == folder.path_of(change.file)) return said;
  if (finding.line == 0) return fmt::format("{}: {}", finding.file, said);
  return fmt::format("{}:{}: {}", finding.file, finding.line, said);
}

bool is_error(const Finding& finding) { return finding.severity == Finding::Severity::kError; }

// Something is missing from it that New- makes.
bool is_unfinished(const Finding& finding, const Folder& folder) {
  std::error_code failed;
  const bool is_missing = finding.rule == config::Rule::kUnreadable &&
                          !std::filesystem::exists(finding.file, failed) && !failed;
  return finding.rule == config::Rule::kNobodyListens ||
         (is_missing && finding.file == folder.path_of("connectors"));
}

// Files that cannot be read, so that what they say is not seen; without those that `said` names.
void warn_of_hidden(const Call& call, const Folder& folder, std::string_view said) {
  for (const Finding& finding : folder.loaded().findings) {
    const bool hides =
        finding.rule == config::Rule::kUnreadable || finding.rule == config::Rule::kNotToml;
    if (hides && is_error(finding) && said.find(finding.file) == std::string_view::npos) {
      call.warn_once(config::to_string(finding));
    }
  }
}

// Says what the change makes wrong, and what was wrong before. False: there is an error among it.
bool is_valid(const Call& call, const Folder& folder, const Change& change) {
  const config::Loaded after = config::load(folder.path(), {}, change.files);
  std::vector<Finding> fresh;
  for (const Finding& finding : after.findings) {
    const auto& before = folder.loaded().findings;
    const bool known =
        std::ranges::any_of(before, [&](const Finding& f) { return is_same(f, finding); });
    if (!known) fresh.push_back(finding);
  }
  const bool good = std::ranges::none_of(fresh, is_error);
  for (const Finding& finding : fresh) {
    const std::string text = told(finding, folder, change);
    if (is_error(finding)) {
      call.fail(text);
    } else if (good) {
      call.warn(text);
    }
  }
  if (!good) return false;
  for (const Finding& finding : after.findings) {
    const bool is_fresh =
        std::ranges::any_of(fresh, [&](const Finding& other) { return is_same(other, finding); });
    if (!is_error(finding) || is_fresh || is_unfinished(finding, folder)) continue;
    call.warn_once(fmt::format("the configuration is not valid, so the next start will fail: {}",
                               config::to_string(finding)));
  }
  return true;
}

std::expected<void, std::string> write_one(const Folder& folder, const std::string& name,
                                           const std::optional<std::string>& text) {
  const std::string path = folder.path_of(name);
  std::error_code failed;
  if (!text) return config::remove_file(path);
  if (std::filesystem::exists(path, failed)) return config::write_file(path, *text);
  const std::string parent = std::filesystem::path(path).parent_path().string();
  if (!std::filesystem::exists(parent, failed)) {
    if (auto made = config::make_folder(parent); !made) return made;
  }
  return config::create_file(path, *text);
}

// Each file is whole at any instant; where there are several, they do not depend on each other.
bool write(const Call& call, const Folder& folder, const Change& change) {
  for (const auto& [name, text] : change.files) {
    if (const auto written = write_one(folder, name, text); !written) {
      call.fail(written.error());
      return false;
    }
  }
  return true;
}

// What the server made of it, for the audit log; empty: no server runs.
std::string tell_server(const Call& call, const Folder& folder) {
  const std::string& data_dir = folder.model().server.data_dir;
  const auto server = running_server(data_dir, folder.path());
  if (!server) {
    bool& said = call.session.has_said_that_no_server_runs;
    if (!said) {
      call.session.console.say(fmt::format(
          "No server runs with data_dir {}; the change takes effect at the next start.\n",
          data_dir));
    }
    said = true;
    return {};
  }
  const Reloaded reloaded = ask_to_reload(data_dir, *server, kReloadWait);
  Console& console = call.session.console;
  if (!reloaded.problem.empty()) {
    call.fail(
        fmt::format("the files are changed, but the running server (process {}) could not be "
                    "asked to take them: {}",
                    server->pid, reloaded.problem));
    return fmt::format("not reloaded: {}", reloaded.problem);
  }
  if (!reloaded.answered) {
    call.fail(
        fmt::format("the files are changed, but the running server (process {}) has not "
                    "answered for {} s; its log says what became of it",
                    server->pid, kReloadWait / 1000));
    return "no answer of the server";
  }
  if (!reloaded.state.ok) {
    call.fail(fmt::format("the files are changed, but the running server did not take them: {}",
                          reloaded.state.problem));
    return fmt::format("refused by the server: {}", reloaded.state.problem);
  }
  if (!reloaded.state.needs_restart.empty()) {
    call.warn(fmt::format("changes in {} take effect when the server is started again",
                          reloaded.state.needs_restart));
  }
  console.say("The running server has taken the change.\n");
  return "taken by the server";
}

std::string shown(const Pairs& pairs) {
  std::string text;
  for (const auto& [key, value] : pairs) {
    text += text.empty() ? ": " : ", ";
    text += value.is_null() ? fmt::format("{} back to its default", key)
                            : fmt::format("{} = {}", key, to_text(value));
  }
  return text;
}

// Nothing is left to do without a change.
struct Prepared {
  bool good = false;
  std::optional<Change> change;
};

Prepared prepare(const Call& call, const Folder& folder,
                 const std::function<Draft(const Folder&)>& draft) {
  auto drafted = draft(folder);
  if (!drafted) {
    call.fail(drafted.error());
    warn_of_hidden(call, folder, drafted.error());
    return {};
  }
  if (!*drafted) return {true, {}};
  Change& change = **drafted;
  std::error_code failed;
  if (!std::filesystem::exists(folder.path_of(kMainFile), failed)) {
    change.files.try_emplace(std::string(kMainFile), kNewMainFile);
  }
  if (!is_valid(call, folder, change)) return {};
  if (call.arguments.flag("WhatIf")) {
    const std::string effect =
        change.gone.empty() ? shown(change.after) : ": removes " + change.gone;
    call.session.console.print(fmt::format("What if: {}{}.\n", change.what, effect));
    return {true, {}};
  }
  return {true, std::move(change)};
}

// Under the lock.
bool finish(const Call& call, const Folder& folder, const Change& change) {
  const auto log = AuditLog::open(audit_path(folder.model().server, folder.path_of("audit.log")));
  if (!log) {
    call.fail(
        fmt::format("the audit log cannot be written, so nothing was changed: {}", log.error()));
    return false;
  }
  if (!write(call, folder, change)) return false;
  AuditEntry entry{call.line, change.file, change.before, change.after, "written"};
  const auto note = [&] {
    if (const auto appended = log->append(entry); !appended) {
      call.warn(fmt::format("the audit log could not be written: {}", appended.error()));
    }
  };
  note();
  const std::string answer = tell_server(call, folder);
  if (!answer.empty()) {
    entry.result = answer;
    entry.is_answer = true;
    note();
  }
  return true;
}

}  // namespace

std::string Folder::name_in(const std::string& path) const {
  const std::string prefix = path_of("");
  return path.starts_with(prefix) ? path.substr(prefix.size()) : path;
}

std::string Folder::path_of(std::string_view name) const {
  std::string path = path_;
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

std::string Folder::text(std::string_view name) const {
  return config::read_text(path_of(name)).value_or("");
}

std::expected<config::FileEdit, std::string> Folder::edit(std::string_view name) const {
  std::error_code failed;
  auto whole = config::read_text(path_of(name));
  // Never taken for an empty one and replaced.
  if (!whole && (std::filesystem::exists(path_of(name), failed) || failed)) {
    return std::unexpected(
        fmt::format("{}: cannot be read, so nothing can be changed in it", path_of(name)));
  }
  auto edit = config::FileEdit::of(std::move(whole).value_or(""));
  if (edit) return std::move(*edit);
  return std::unexpected(
      fmt::format("{}:{}: {}; nothing can be changed in this file before that "
                  "is mended",
                  path_of(name), edit.error().line, edit.error().what));
}

std::expected<void, std::string> Folder::take(Change& change,
                                              const config::FileEdit& edited) const {
  auto text = edited.result();
  if (text) {
    change.files[change.file] = std::move(*text);
    return {};
  }
  const config::DocumentError& error = text.error();
  return std::unexpected(
      error.line == 0 ? fmt::format("{}: {}", path_of(change.file), error.what)
                      : fmt::format("{}:{}: {}", path_of(change.file), error.line, error.what));
}

config::Table Folder::table(std::string_view name) const {
  auto document = config::parse_document(text(name));
  return document ? std::move(*document) : config::Table{};
}

std::optional<std::string> Folder::problem() const {
  std::error_code failed;
  const auto status = std::filesystem::status(path_, failed);
  if (std::filesystem::is_directory(status)) return std::nullopt;
  if (std::filesystem::exists(status)) return fmt::format("{}: is no folder", path_);
  return fmt::format("{}: {}", path_,
                     status.type() == std::filesystem::file_type::not_found
                         ? std::string("there is no such folder")
                         : failed.message());
}

bool can_show(const Call& call, const Folder& folder) {
  if (const auto problem = folder.problem()) {
    call.fail(*problem);
    return false;
  }
  warn_of_hidden(call, folder, {});
  return true;
}

void note_change(Change& change, std::string_view key, const std::optional<std::string>& before,
                 const std::optional<std::string>& after) {
  if (before == after) return;
  change.before.emplace_back(std::string(key), before ? Value(*before) : Value());
  change.after.emplace_back(std::string(key), after ? Value(*after) : Value());
}

bool carry_out(const Call& call, const std::function<Draft(const Folder&)>& draft) {
  const std::string& path = call.session.folder;
  std::optional<Prepared> prepared;
  std::error_code failed;
  if (const auto problem = Folder(path).problem()) {
    const bool may_be_made = !std::filesystem::exists(path, failed) && !failed;
    if (!call.spec.name.starts_with("New-") || !may_be_made) {
      call.fail(*problem);
      return false;
    }
    // Only a change that will be written makes a folder.
    prepared = prepare(call, Folder(path), draft);
    if (!prepared->change) return prepared->good;
    if (const auto made = config::make_folder(path); !made) {
      call.fail(made.error());
      return false;
    }
  } else if (call.arguments.flag("WhatIf")) {
    return prepare(call, Folder(path), draft).good;
  }
  const auto lock = config::FolderLock::take(path, kLockWait);
  if (!lock) {
    call.fail(lock.error());
    return false;
  }
  const Folder folder(path);
  // Another shell may have been faster.
  if (!prepared || !std::filesystem::is_empty(path, failed)) {
    prepared = prepare(call, folder, draft);
  }
  return prepared->change ? finish(call, folder, *prepared->change) : prepared->good;
}

bool is_confirmed(const Call& call, const std::string& what, bool asks_by_default) {
  const Argument* given = call.arguments.find("Confirm");
  const bool asks = given != nullptr ? call.arguments.flag("Confirm") : asks_by_default;
  Console& console = call.session.console;
  if (!asks || !console.is_interactive() || call.arguments.flag("WhatIf")) return true;
  return console.confirm(fmt::format("Confirm: {}. [Y] Yes  [N] No (default is \"Y\"): ", what));
}

}  // namespace relais::shell
