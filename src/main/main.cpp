#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "admin/notices.h"
#include "config/nearest.h"
#include "main/commands.h"

namespace {

// The library says only that a command or an option is missing, not which word is not one.
bool is_wrong_command(const CLI::App& app, std::string_view word) {
  std::vector<std::string_view> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (word.starts_with('-') || std::ranges::find(names, word) != names.end()) return false;
  const std::string_view near = relais::config::nearest(word, names);
  relais::admin::say(
      "relais: there is no command '{}'.{}\n", word,
      near.empty() ? " See relais --help" : fmt::format(" Did you mean '{}'?", near));
  return true;
}

bool is_wrong_option(const CLI::App& command, int argc, char** argv) {
  for (int i = 2; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word(argv[i]);
    const std::string name(word.substr(0, word.find('=')));
    if (!name.starts_with("--") || command.get_option_no_throw(name) != nullptr) continue;
    relais::admin::say("relais {}: there is no option '{}'. See relais {} --help\n",
                       command.get_name(), name, command.get_name());
    return true;
  }
  return false;
}

// The exit status.
int run(int argc, char** argv) {
  // A closed standard stream would lend its number to the next file that is opened, and what is
  // meant for people would be written there.
  while (true) {
    const int fd = open("/dev/null", O_RDWR);
    if (fd < 0 || fd > 2) {
      if (fd > 2) close(fd);
      break;
    }
  }
  CLI::App app{
      "relais: an SMTP front end with Receive connectors, one thread and one io_uring a core",
      "relais"};
  app.require_subcommand(1);
  std::string folder = "/etc/relais";
  const auto with_config = [&folder](CLI::App* command) {
    command->add_option("--config", folder, "folder with relais.toml and connectors/*.toml")
        ->capture_default_str();
    return command;
  };
  const CLI::App* serve =
      with_config(app.add_subcommand("serve", "run the relay in the foreground"));
  const CLI::App* reload = with_config(app.add_subcommand(
      "reload",
      "have the running server read its configuration again; exit status 1 if it refuses"));
  const CLI::App* drain = with_config(app.add_subcommand(
      "drain", "end the running server: nothing new, and what is under way may finish"));
  CLI::App* check = with_config(app.add_subcommand(
      "check", "look for mistakes in the configuration; exit status 1 if there are errors"));
  std::string rule;
  bool json = false;
  check->add_option("--explain", rule, "what a finding means, by its number (R012), or all");
  check->add_flag("--json", json, "one JSON object a finding");
  relais::StatsOptions stats_options;
  CLI::App* stats =
      with_config(app.add_subcommand("stats", "who uses which connector and which of its ranges"));
  stats->add_option("--connector", stats_options.connector, "only this one");
  CLI::Option* unused = stats->add_flag("--unused", stats_options.unused,
                                        "list ranges of the configuration that nobody used");
  stats
      ->add_option("--since", stats_options.since,
                   "with --unused: not used since this day (2026-01-31) or for so long (30d)")
      ->needs(unused);
  stats
      ->add_option("--top", stats_options.top,
                   "so many ranges and clients a connector (10; all of them with --json)")
      ->check(CLI::Range(0, 1'000'000));
  stats->add_flag("--json", stats_options.json, "for machines");
  CLI::App* explain = with_config(app.add_subcommand(
      "explain", "what would happen to a client, and why; exit status 1 if it is refused"));
  relais::ExplainArguments asked;
  explain->add_option("--local", asked.local, "where it connects to: 0.0.0.0:25, [::1]:2525")
      ->required();
  explain->add_option("--remote", asked.remote, "the client's address")->required();
  explain->add_option("--mail-from", asked.mail_from, "the sender; <> is the null sender");
  explain->add_option("--rcpt-to", asked.rcpt_to, "a recipient; may be given several times")
      ->allow_extra_args(false);
  explain->add_option("--size", asked.size, "of the message: octets, or as in 36MB");
  explain->add_option("--helo", asked.hello, "what the client calls itself; may be empty");
  explain->add_option("--auth", asked.user, "as whom it authenticates, with the right password");
  explain->add_flag("--tls", asked.tls, "it begins TLS");
  explain->add_option("--certificate-name", asked.certificate_name,
                      "a DNS name in its certificate, which is trusted; begins TLS");
  explain->add_option(
      "--xclient", asked.xclient,
      "the client that it names with XCLIENT; what else is asked is about that one");
  explain->add_flag("--json", asked.json, "as one JSON object");
  CLI::App* diff = app.add_subcommand(
      "diff", "which clients come to another connector, gain or lose rights; status 1 if any");
  relais::DiffArguments sides;
  diff->add_option("OLD", sides.before, "a configuration, or its folder of connectors")->required();
  diff->add_option("NEW", sides.after, "the other one")->required();
  diff->add_option("--clients", sides.clients, "look at these only: addresses, one a line");
  diff->add_flag("--json", sides.json, "as one JSON object");
  CLI::App* limit = with_config(app.add_subcommand(
      "limit", "change a limit of the running server for a while; exit status 1 if it is refused"));
  relais::LimitArguments change;
  limit->add_option("words", change.words,
                    "set CONNECTOR LIMIT=RATE [burst=N], list, or remove CONNECTOR LIMIT");
  limit->add_option("--for", change.time, "how long: 90s, 2h, at most 30d");
  limit->add_flag("--keep", change.keep, "over a restart, too");
  limit->add_flag("--json", change.json, "for machines");
  CLI::App* user = with_config(app.add_subcommand(
      "user",
      "the password file of clients that authenticate; exit status 1 if it cannot be done"));
  relais::UserArguments who;
  user->add_option("words", who.words,
                   "add NAME (a user, or a new password for one), remove NAME, or list")
      ->required();
  user->add_flag("--password-stdin", who.password_stdin,
                 "the password is the first line of standard input");
  user->add_option("--file", who.file, "another file than the one that [auth] names");
  CLI::App* shell = with_config(app.add_subcommand(
      "shell",
      "the commands of Exchange's shell: typed, from a file, or with -c; exit status 1 if "
      "one of them failed"));
  relais::ShellInput input;
  shell->add_option("-c,--command", input.line, "a line to carry out, in place of standard input");
  shell->add_option("file", input.file, "a file with lines, in place of standard input");
  CLI::App* top = with_config(app.add_subcommand(
      "top", "a running server's connectors, limits and busiest sources, again and again; q ends"));
  relais::TopOptions top_options;
  top->add_option("--interval", top_options.interval_s, "seconds between two looks")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  top->add_option("--top", top_options.top, "so many sources of each limit")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  top->add_flag("--once", top_options.once, "one frame, without escapes");
  top->add_flag("--json", top_options.json, "a JSON object a line; with --once one");
  CLI::App* trace = with_config(app.add_subcommand(
      "trace", "the dialogues of a running server's sessions as they go; Ctrl-C ends"));
  relais::TraceOptions trace_options;
  trace->add_option("--remote", trace_options.remote, "of which clients: an address, CIDR, or a-b")
      ->required();
  trace->add_option("--connector", trace_options.connector, "of this Receive connector only");
  trace->add_option("--count", trace_options.count, "end when so many sessions have ended")
      ->check(CLI::Range(1, 1'000'000'000));
  trace->add_option("--seconds", trace_options.seconds, "end after so long")
      ->check(CLI::Range(1, 86'400));
  trace->add_flag("--json", trace_options.json, "one JSON object a line");
  CLI::App* replay = with_config(app.add_subcommand(
      "replay", "what the limits of --config would have done with the traffic of a message log"));
  relais::ReplayArguments replayed;
  replay->add_option("LOG", replayed.files, "message logs (log_file); -: standard input")
      ->required();
  replay->add_option("--top", replayed.top, "so many sources of each limit")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  replay->add_flag("--json", replayed.json, "as one JSON object");
  const CLI::App* version = app.add_subcommand("version", "print the version");
  app.set_version_flag("--version", "relais " RELAIS_VERSION, "print the version");
  if (argc > 1 && is_wrong_command(app, argv[1])) return 2;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help
  } catch (const CLI::Error& error) {
    const bool named = std::ranges::any_of(app.get_subcommands({}), [&](const CLI::App* command) {
      return argc > 1 && command->get_name() == argv[1] && is_wrong_option(*command, argc, argv);
    });
    if (!named) app.exit(error);
    return 2;
  }
  if (serve->parsed()) return relais::serve(folder);
  if (reload->parsed()) return relais::reload(folder);
  if (drain->parsed()) return relais::drain(folder);
  if (check->parsed())
    return rule.empty() ? relais::check(folder, json) : relais::explain_rules(rule);
  if (diff->parsed()) return relais::diff(sides);
  if (explain->parsed()) {
    asked.folder = folder;
    return relais::explain(asked);
  }
  if (stats->parsed()) {
    stats_options.folder = folder;
    return relais::stats(stats_options);
  }
  if (top->parsed()) {
    top_options.folder = folder;
    return relais::top(top_options);
  }
  if (trace->parsed()) {
    trace_options.folder = folder;
    return relais::trace(trace_options);
  }
  if (replay->parsed()) {
    replayed.folder = folder;
    return relais::replay(replayed);
  }
  if (limit->parsed()) {
    change.folder = folder;
    return relais::limit(change);
  }
  if (user->parsed()) {
    who.folder = folder;
    return relais::user(who);
  }
  if (shell->parsed()) return relais::run_shell(folder, input);
  if (version->parsed()) std::printf("relais %s\n", RELAIS_VERSION);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int status = run(argc, argv);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  relais::admin::say("relais: standard output could not be written: {}\n", std::strerror(errno));
  return status == 0 ? 1 : status;
}
