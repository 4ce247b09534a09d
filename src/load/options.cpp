#include "load/options.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>

#include "config/values.h"

namespace relais::load {
namespace {

using Problem = std::unexpected<std::string>;

template <class... Args>
Problem problem(fmt::format_string<Args...> format, Args&&... args) {
  return Problem(fmt::format(format, std::forward<Args>(args)...));
}

// Whatever is checked returns its complaint; empty: there is none.
using Complaint = std::string;

constexpr uint64_t kSessionsMax = 100'000;
constexpr uint64_t kRecipientsMax = 10'000;
constexpr uint16_t kSmtpPort = 25;

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A whole number from 1 to `max`.
Complaint read_number(std::string_view option, std::string_view text, uint64_t max,
                      uint64_t& into) {
  const auto number = parse_number(text);
  if (!number || *number == 0 || *number > max)
    return fmt::format("{} {}: write a whole number from 1 to {}", option, text, max);
  into = *number;
  return {};
}

Complaint read_duration(std::string_view option, std::string_view text, Duration& into) {
  const auto duration = config::parse_duration(text);
  if (!duration || duration->ns <= 0)
    return fmt::format("{} {}: write a time as in 30s, 500ms or 2m", option, text);
  into = *duration;
  return {};
}

// ---- targets

bool in_v4(const IpAddress& address, uint32_t network, uint32_t bits) {
  return address.is_v4() && (address.low() ^ network) >> (32 - bits) == 0;
}

bool is_private(const IpAddress& address) {
  if (!address.is_v4()) return address.high() >> 57 == 0xfc >> 1 || address.high() >> 54 == 0x3fa;
  return in_v4(address, 0x0a000000, 8) || in_v4(address, 0xac100000, 12) ||
         in_v4(address, 0xc0a80000, 16) || in_v4(address, 0xa9fe0000, 16) ||
         in_v4(address, 0x64400000, 10);
}

std::optional<IpAddress> resolve(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  // IPv4 first: that is where test servers listen.
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
      if (one->ai_family != family) continue;
      if (const auto endpoint = Endpoint::from_sockaddr(one->ai_addr)) return endpoint->address;
    }
  }
  return std::nullopt;
}

std::expected<Target, std::string> read_target(const std::string& text) {
  constexpr std::string_view kTargetForm =
      "write ADDRESS:PORT or NAME:PORT, as in 127.0.0.1:2525 or [::1]:2525";
  if (const auto endpoint = Endpoint::parse(text)) {
    if (endpoint->port == 0) return problem("target {}: port 0 is none; {}", text, kTargetForm);
    return Target{text, *endpoint, endpoint->address.to_string()};
  }
  std::string host = text;
  uint16_t port = kSmtpPort;
  if (IpAddress::parse(host) == std::nullopt) {
    const size_t colon = text.rfind(':');
    if (colon != std::string::npos) {
      const auto number = parse_number(std::string_view(text).substr(colon + 1));
      if (!number || *number == 0 || *number > UINT16_MAX)
        return problem("target {}: no port; {}", text, kTargetForm);
      port = static_cast<uint16_t>(*number);
      host.resize(colon);
    }
    if (host.empty()) return problem("target {}: no host; {}", text, kTargetForm);
  }
  auto address = IpAddress::parse(host);
  if (!address) address = resolve(host);
  if (!address) return problem("target {}: there is no host {}; {}", text, host, kTargetForm);
  return Target{text, {*address, port}, host};
}

Complaint check_permission(const Target& target) {
  const IpAddress& address = target.endpoint.address;
  if (may_be_loaded(address)) return {};
  return fmt::format(
      "target {} is not a loopback address of this machine{}: a load may be sent only to a server "
      "of your own; if it is "
      "yours, add --i-own-this-server",
      target.name, is_private(address) ? ", and others may depend on it" : "");
}

Complaint read_targets(const Options& options, Plan& plan) {
  if (options.targets.empty()) return "no target: name one, as in relais-load 127.0.0.1:2525";
  for (const std::string& text : options.targets) {
    auto target = read_target(text);
    if (!target) return target.error();
    if (!options.own_server) {
      if (Complaint complaint = check_permission(*target); !complaint.empty()) return complaint;
    }
    plan.targets.push_back(std::move(*target));
  }
  return {};
}

// Why nothing can be sent from the address; empty: it can, or that will be seen later.
std::string why_not_ours(const IpAddress& source) {
  const int fd = socket(source.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return {};
  sockaddr_storage address{};
  const uint32_t length = Endpoint{source, 0}.to_sockaddr(address);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0;
  std::string why = bound ? std::string() : strerror(errno);
  close(fd);
  return why;
}

// Of very many the first ones are looked at; what comes later ends the run.
Complaint check_sources(const Sources& sources) {
  constexpr uint64_t kLookedAt = 1000;
  for (uint64_t i = 0; i < std::min(sources.size(), kLookedAt); ++i) {
    const IpAddress source = sources.at(i);
    if (const std::string why = why_not_ours(source); !why.empty()) {
      return fmt::format("--source: cannot send from {}: {}; name addresses of this machine",
                         source.to_string(), why);
    }
  }
  return {};
}

Complaint read_sources(const Options& options, Plan& plan) {
  if (options.source.empty()) return {};
  auto sources = Sources::parse(options.source);
  if (!sources) return "--source: " + sources.error();
  plan.sources = std::move(*sources);
  for (const Target& target : plan.targets) {
    const bool v4 = target.endpoint.address.is_v4();
    if (!plan.sources.are_all(v4)) {
      return fmt::format(
          "--source {}: target {} is reached over {}, so all sources must be {} addresses",
          options.source, target.name, v4 ? "IPv4" : "IPv6", v4 ? "IPv4" : "IPv6");
    }
  }
  return check_sources(plan.sources);
}

// ---- how much, and when

Complaint read_extent(const Options& options, Plan& plan) {
  constexpr uint64_t kCountMax = 1'000'000'000;
  Complaint wrong;
  if (!options.count.empty()) wrong = read_number("--count", options.count, kCountMax, plan.count);
  if (wrong.empty() && !options.run_for.empty())
    wrong = read_duration("--for", options.run_for, plan.run_for);
  if (wrong.empty() && !options.warm_up.empty())
    wrong = read_duration("--warm-up", options.warm_up, plan.warm_up);
  if (wrong.empty()) wrong = read_duration("--timeout", options.timeout, plan.patience);
  if (wrong.empty() && !options.per_connection.empty()) {
    wrong = read_number("--messages-per-connection", options.per_connection, kCountMax,
                        plan.per_connection);
  }
  uint64_t sessions = options.rate.empty() ? 10 : 100;
  if (wrong.empty() && options.sessions)
    wrong = read_number("--sessions", *options.sessions, kSessionsMax, sessions);
  plan.sessions = static_cast<uint32_t>(sessions);
  if (wrong.empty()) {
    const auto seed = parse_number(options.seed);
    if (!seed) return fmt::format("--seed {}: write a whole number", options.seed);
    plan.seed = *seed;
  }
  return wrong;
}

Complaint read_rate(const Options& options, Plan& plan) {
  if (options.rate.empty()) {
    if (options.ramp.empty()) return {};
    return "--ramp without --rate: say from which rate to which, as in --rate 100..2000";
  }
  auto rate = RateSchedule::parse(options.rate);
  if (!rate) return "--rate: " + rate.error();
  plan.rate = *rate;
  Duration ramp{};
  if (!options.ramp.empty()) {
    if (Complaint wrong = read_duration("--ramp", options.ramp, ramp); !wrong.empty()) return wrong;
    if (!rate->ramps())
      return fmt::format("--ramp with a constant --rate {}: write two rates, as in 100..2000",
                         options.rate);
  } else if (rate->ramps()) {
    if (plan.run_for.ns == 0)
      return "--rate with two rates: say how long the ramp takes, as in --ramp 60s";
    ramp = plan.run_for;
  }
  plan.rate->set(plan.warm_up, ramp);
  return {};
}

// ---- what is sent

// An address, of which only what would break the command is looked at: the server is to judge it.
bool is_address(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c > ' ' && c < 0x7f && c != '<' && c != '>'; });
}

// RFC 5321 section 4.1.2: a mailbox has a domain.
bool has_domain(std::string_view address) {
  const size_t at = address.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < address.size();
}

bool is_postmaster(std::string_view address) {
  return std::ranges::equal(address, std::string_view("postmaster"),
                            [](char a, char b) { return (a | 0x20) == b; });
}

Complaint read_envelope(const Options& options, Plan& plan) {
  if (!is_address(options.sender)) return fmt::format("--from {}: no address", options.sender);
  if (!options.sender.empty() && !has_domain(options.sender))
    return fmt::format("--from {}: no address: it has no domain, as sender@example.com has",
                       options.sender);
  if (!is_address(options.recipient) || options.recipient.empty())
    return fmt::format("--to {}: no address", options.recipient);
  const bool is_one = options.recipients == "1";
  if (!has_domain(options.recipient) && !(is_one && is_postmaster(options.recipient)))
    return fmt::format(
        "--to {}: no address: it has no domain, as recipient@example.com has; Postmaster alone "
        "needs none",
        options.recipient);
  if (options.hello.empty() || !is_address(options.hello))
    return fmt::format("--hello {}: no name of a host", options.hello);
  uint64_t count = 1;
  Complaint wrong = read_number("--recipients", options.recipients, kRecipientsMax, count);
  if (!wrong.empty()) return wrong;
  const size_t at = std::min(options.recipient.rfind('@'), options.recipient.size());
  for (uint64_t i = 1; i <= count; ++i) {
    std::string recipient = options.recipient;
    if (count > 1) recipient.insert(at, std::to_string(i));
    plan.script.recipients.push_back("RCPT TO:<" + recipient + ">\r\n");
    plan.recipients.push_back(std::move(recipient));
  }
  plan.script.mail = "MAIL FROM:<" + options.sender + ">";
  plan.script.opening.ehlo_name = options.hello;
  return {};
}

Complaint read_content(const Options& options, Plan& plan) {
  const ContentOptions content{.form = plan.script.mode == Mode::kBdat ? Form::kRaw : Form::kDotted,
                               .seed = plan.seed,
                               .sender = options.sender,
                               .recipients = plan.recipients};
  if (!options.corpus.empty()) {
    if (!options.sizes.empty())
      return "--corpus and --size: the files of a corpus have their own sizes";
    auto read = Content::read_corpus(options.corpus, content);
    if (!read) return "--corpus: " + read.error();
    plan.content = std::move(*read);
    return {};
  }
  const auto mix = SizeMix::parse(options.sizes.empty() ? "10k" : options.sizes);
  if (!mix) return "--size: " + mix.error();
  auto made = Content::generate(*mix, content);
  if (!made) return "--size: " + made.error();
  plan.content = std::move(*made);
  return {};
}

Complaint read_mode(const Options& options, Plan& plan) {
  if (options.mode == "lock-step")
    plan.script.mode = Mode::kLockStep;
  else if (options.mode == "pipelining")
    plan.script.mode = Mode::kPipelining;
  else if (options.mode == "bdat")
    plan.script.mode = Mode::kBdat;
  else
    return fmt::format("--mode {}: write lock-step, pipelining or bdat", options.mode);
  return {};
}

// ---- TLS and AUTH

Complaint read_tls(const Options& options, Plan& plan) {
  if (options.tls.empty()) {
    return options.tls_resume ? "--tls-resume without --tls: write --tls starttls or implicit" : "";
  }
  if (options.tls == "starttls") {
    plan.tls = TlsUse::kStartTls;
    plan.script.opening.start_tls = smtp::StartTls::kRequired;
  } else if (options.tls == "implicit") {
    plan.tls = TlsUse::kImplicit;
    plan.script.opening.in_tls = true;
  } else {
    return fmt::format("--tls {}: write starttls or implicit", options.tls);
  }
  plan.tls_resume = options.tls_resume;
  plan.tls_context = tls::ClientContext::load({}).context;
  return plan.tls_context == nullptr ? "TLS cannot be set up" : "";
}

Complaint read_password(const Options& options, std::string& password) {
  std::ifstream file(options.password_file);
  if (!file) return fmt::format("--password-file {}: cannot be read", options.password_file);
  std::getline(file, password);
  if (file.bad())  // a directory can be opened, and no more
    return fmt::format("--password-file {}: cannot be read: {}", options.password_file,
                       strerror(errno));
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty())
    return fmt::format("--password-file {}: its first line is empty, and should be the password",
                       options.password_file);
  return {};
}

Complaint read_auth(const Options& options, Plan& plan) {
  if (options.auth.empty() && options.user.empty() && options.password_file.empty()) return {};
  if (options.user.empty() || options.password_file.empty())
    return "AUTH needs --user NAME and --password-file FILE, whose first line is the password";
  if (options.auth == "login")
    plan.script.hide_plain = true;
  else if (!options.auth.empty() && options.auth != "plain")
    return fmt::format("--auth {}: write plain or login", options.auth);
  std::string password;
  if (Complaint wrong = read_password(options, password); !wrong.empty()) return wrong;
  plan.credentials = std::make_unique<smtp::Credentials>(options.user, std::move(password));
  plan.script.opening.credentials = plan.credentials.get();
  plan.script.opening.auth_in_clear = true;
  return {};
}

}  // namespace

bool may_be_loaded(const IpAddress& address) {
  if (address.is_loopback() || in_v4(address, 0xc6120000, 15)) return true;
  return !address.is_v4() && address.high() >> 16 == 0x200100020000;
}

std::expected<Plan, std::string> make_plan(const Options& options) {
  Plan plan;
  Complaint wrong = read_targets(options, plan);
  if (wrong.empty()) wrong = read_sources(options, plan);
  if (wrong.empty()) wrong = read_extent(options, plan);
  if (wrong.empty()) wrong = read_rate(options, plan);
  if (wrong.empty()) wrong = read_mode(options, plan);
  if (wrong.empty()) wrong = read_tls(options, plan);
  if (wrong.empty()) wrong = read_auth(options, plan);
  if (wrong.empty()) wrong = read_envelope(options, plan);
  if (wrong.empty()) wrong = read_content(options, plan);
  if (wrong.empty()) return plan;
  // It repeats what was asked for, and is one line whatever that was.
  std::ranges::replace_if(
      wrong, [](char c) { return c >= 0 && c < ' '; }, '?');
  return Problem(std::move(wrong));
}

}  // namespace relais::load
