// The subcommands. Each answers with the exit status: 0 good, 1 the answer is no, 2 wrong use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace relais {

[[nodiscard]] int serve(const std::string& config_folder);
[[nodiscard]] int check(const std::string& config_folder, bool json);
struct DiffArguments {
  std::string before;
  std::string after;
  std::string clients;  // a file; empty: all clients that there are
  bool json = false;
};
// 0: no change, 1: changes.
[[nodiscard]] int diff(const DiffArguments& arguments);
struct ExplainArguments {
  std::string folder;
  std::string local;
  std::string remote;
  std::optional<std::string> mail_from;
  std::vector<std::string> rcpt_to;
  std::optional<std::string> size;
  std::optional<std::string> hello;
  std::string user;
  bool tls = false;
  std::string certificate_name;
  std::string xclient;
  bool json = false;
};
// 0: accepted, 1: refused.
[[nodiscard]] int explain(const ExplainArguments& arguments);
// The three lines of a rule, by its number, or of "all".
[[nodiscard]] int explain_rules(const std::string& id);

// 0: the running server has taken its configuration anew, 1: it has not, or there is none.
[[nodiscard]] int reload(const std::string& config_folder);
// Ends the running server in peace, and waits for that. 0: it has ended, 1: there was none.
[[nodiscard]] int drain(const std::string& config_folder);

struct StatsOptions {
  std::string folder;
  std::string connector;  // empty: all
  bool unused = false;
  std::string since;  // with unused; empty: as long as anything was counted
  std::optional<size_t> top;
  bool json = false;
};
[[nodiscard]] int stats(const StatsOptions& options);

struct ReplayArguments {
  std::string folder;              // with the new limits
  std::vector<std::string> files;  // message logs; "-": standard input
  size_t top = 5;                  // sources that are named of each limit
  bool json = false;
};
[[nodiscard]] int replay(const ReplayArguments& arguments);

struct LimitArguments {
  std::string folder;
  std::vector<std::string> words;  // set CONNECTOR LIMIT=RATE [burst=N], remove CONNECTOR LIMIT
  std::string time;                // --for
  bool keep = false;
  bool json = false;
};
// 0: done, 1: there is no server, or it did not take it.
[[nodiscard]] int limit(const LimitArguments& arguments);

struct UserArguments {
  std::string folder;
  std::vector<std::string> words;  // add NAME, remove NAME, list
  std::string file;                // empty: that of [auth]
  bool password_stdin = false;
};
[[nodiscard]] int user(const UserArguments& arguments);

struct TopOptions {
  std::string folder;
  uint32_t interval_s = 2;
  size_t top = 10;  // sources of a limit that are shown
  bool once = false;
  bool json = false;
};
[[nodiscard]] int top(const TopOptions& options);

struct TraceOptions {
  std::string folder;
  std::string remote;     // a range of clients
  std::string connector;  // empty: any
  uint64_t count = 0;     // sessions, after which it ends; 0: any number
  uint32_t seconds = 0;   // the same; 0: for ever
  bool json = false;
};
// 0: until it was told to end, 1: there is no server, or it ended.
[[nodiscard]] int trace(const TraceOptions& options);

// Where the lines of `relais shell` come from; neither: standard input.
struct ShellInput {
  std::optional<std::string> line;  // -c
  std::string file;
};
[[nodiscard]] int run_shell(const std::string& config_folder, const ShellInput& input);

}  // namespace relais
