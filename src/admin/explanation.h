// What would happen to one client, and why, from the configuration alone: which connector takes it,
// what it may do there, and the reply to each command. Every reply comes out of the server's own
// code: the policy snapshot answers the questions of a real smtp::Server, so that an explanation
// cannot differ from what `relais serve` does. Nothing is connected to, and a running server is not
// touched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/binding_limits.h"
#include "admin/live_figures.h"
#include "admin/override_book.h"
#include "admin/usage_file.h"
#include "base/ip.h"
#include "config/load.h"
#include "policy/candidates.h"

namespace relais::admin {

struct Question {
  Endpoint local;  // a wildcard address stands for any local address of its family
  IpAddress remote;
  std::optional<std::string> sender;  // "chris@contoso.com", "<>"; none: no MAIL, unless recipients
  std::vector<std::string> recipients;
  std::optional<uint64_t> size;      // octets of the message
  std::optional<std::string> hello;  // none: the client's address; empty: EHLO without an argument
  std::string user;                  // not empty: it authenticates, with the right password
  bool tls = false;                  // it begins TLS, where it may
  std::string certificate_name{};    // of a trusted certificate that it shows there; empty: none
  // Whom `remote`, a proxy, names with XCLIENT; all but `local` and `remote` is about that client.
  std::optional<IpAddress> named{};
  std::string named_user{};  // ... as whom; explain() takes `user` for it
  bool is_named = false;     // `remote` is the one named, and `user`; only explain() says so
};
// Why this cannot be asked ("a client with an IPv6 address never arrives on 0.0.0.0:25"); empty: it
// can.
[[nodiscard]] std::string what_is_wrong_with(const Question& question, const config::Model& model);

struct Explanation {
  struct Connector {
    std::string name;
    policy::Standing standing = policy::Standing::kNoBinding;
    std::string range;   // as it is written; empty: none
    std::string origin;  // "conf/connectors/relay.toml:5"
    std::string why;     // it won, or lost
  };
  struct Right {
    std::string name;
    bool held = false;
    std::string from;  // "AnonymousUsers", "[[permission]] conf/x.toml:9", or who denies it
  };
  struct Limit {
    std::string key;
    std::string value;
    bool enforced = true;
    std::optional<uint64_t> now;  // how much of it is used; none: no server runs, or not counted
  };
  struct Step {
    std::string command;  // empty: the greeting
    std::string reply;    // lines with '\n' between them
    bool accepted = false;
    std::string reason;  // empty: nothing to say
    std::string cure;    // what would have to change; only when refused
  };
  struct Route {
    std::string recipient;
    std::string connector;  // Send connector; empty: none takes it
    std::string next_hops;
  };

  Endpoint local;                     // where the client was looked up
  std::vector<std::string> notes;     // about the question itself
  std::vector<Connector> connectors;  // the winner first, if there is one
  bool served = false;
  std::string principal;
  std::vector<Right> rights;
  std::vector<Limit> limits;
  std::vector<BindingLimit> binding;     // of messages like this, the lowest load first
  std::vector<std::string> binds_first;  // sentences
  std::vector<Step> steps;
  std::vector<Route> routes;  // of accepted recipients
  bool accepted = false;      // served, and no reply was a refusal
};

// `loaded.ok` is wanted, and a question with which nothing is wrong.
[[nodiscard]] Explanation explain(const config::Loaded& loaded, const Question& question);

// What a running server has counted, beside the limits that it counts for.
void add_present_levels(Explanation& explanation, const PresentUse& use);
// How much of its limits is used, as far as the server watches them: those that all clients share,
// and this client's own if it is one of the busiest.
void add_present_levels(Explanation& explanation, const LiveFigures& figures,
                        const IpAddress& remote);
// Which limits of its connector a running server has overridden: notes, as the rest is of the
// files.
void add_overrides(Explanation& explanation, const OverrideBook& book);

[[nodiscard]] std::string to_text(const Explanation& explanation, const Question& question);
[[nodiscard]] std::string to_json(const Explanation& explanation, const Question& question);

}  // namespace relais::admin
