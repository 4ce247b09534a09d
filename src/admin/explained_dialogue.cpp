#include "admin/explained_dialogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "policy/secure_domains.h"
#include "smtp/base64.h"
#include "smtp/dsn.h"

namespace relais::admin {
namespace {

constexpr std::string_view kDate = "<date>";
constexpr std::string_view kAuth = "AUTH";
constexpr size_t kPiece = 65'536;  // octets of content that are fed at once
constexpr std::string_view kNamedElsewhere = "XCLIENT LOGIN=x\r\n";

std::string in_brackets(const std::string& address) {
  return address.starts_with('<') ? address : '<' + address + '>';
}

// "250-a\r\n250 b\r\n" as "250-a\n250 b".
std::string lines_of(std::string_view output) {
  std::string text;
  for (const char c : output) {
    if (c != '\r') text += c;
  }
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

bool is(const smtp::Reply& a, const smtp::Reply& b) {
  return a.code == b.code && a.status == b.status && a.text == b.text;
}

bool is_positive(std::string_view reply) {
  return reply.starts_with('2') || reply.starts_with('3');
}

}  // namespace

ExplainedDialogue::ExplainedDialogue(const front::ServingPolicy& policy, uint32_t connector,
                                     policy::Principal principal, bool in_tls,
                                     const config::ConnectorLines& lines, const Question& question)
    : policy_(policy),
      connector_(connector),
      principal_(principal),
      lines_(lines),
      question_(question),
      client_(question.remote.to_string()),
      options_(&policy.options(connector, principal)),
      server_(*options_, client_) {
  if (in_tls) server_.tls_started();
  if (question.is_named || policy.snapshot().takes_xclient(connector, question.remote))
    server_.trust_with_xclient();
  if (!question.is_named) return;
  // Said elsewhere already, and not twice.
  server_.feed(kNamedElsewhere);
  ASSERT(server_.next().kind == smtp::Event::Kind::kXclient);
  server_.begin_again(client_, !question.user.empty());
}

Explanation::Step ExplainedDialogue::refused_connection() {
  const smtp::ServerOptions options;
  smtp::Server server(options, "");
  server.shut(smtp::replies::kNotAccepting);
  return {.command = {},
          .reply = lines_of(server.output()),
          .accepted = false,
          .reason = {},
          .cure = {}};
}

// From the greeting to where MAIL may come.
bool ExplainedDialogue::open() {
  server_.greet(kDate);
  take_events(steps_.emplace_back());
  const std::string literal =
      question_.remote.is_v4() ? '[' + client_ + ']' : "[IPv6:" + client_ + ']';
  const std::string name = question_.hello.value_or(literal);
  const std::string hello = name.empty() ? "EHLO" : "EHLO " + name;
  if (!say(hello).accepted) return false;
  if (question_.tls && !server_.in_tls()) {
    if (!say("STARTTLS").accepted) return false;
    server_.tls_started();
    if (!say(hello).accepted) return false;
  }
  if (!question_.named) return log_on();
  std::string xclient = "XCLIENT ADDR=" + question_.named->to_string();
  if (!question_.named_user.empty()) {
    xclient += " LOGIN=";
    smtp::append_xtext(xclient, question_.named_user);
  }
  say(xclient);
  return false;
}

// False: it is not let in.
bool ExplainedDialogue::log_on() {
  if (question_.user.empty() || question_.is_named) return true;
  const std::string secret = '\0' + question_.user + '\0' + "password";
  Explanation::Step& step = say("AUTH PLAIN " + smtp::encode_base64(secret));
  step.command = fmt::format("AUTH PLAIN (the name '{}' and its password)", question_.user);
  return step.accepted;
}

void ExplainedDialogue::become(policy::Principal principal) {
  principal_ = principal;
  options_ = &policy_.options(connector_, principal);
  server_.use(*options_);
}

std::vector<Explanation::Step> ExplainedDialogue::run() {
  if (!open()) return std::move(steps_);
  if (!question_.sender && question_.recipients.empty()) return std::move(steps_);
  std::string mail = "MAIL FROM:" + in_brackets(question_.sender.value_or("<>"));
  // A client tells the size where the server has offered to hear it.
  if (question_.size && options_->size) mail += fmt::format(" SIZE={}", *question_.size);
  if (!say(mail).accepted) return std::move(steps_);
  for (const std::string& recipient : question_.recipients)
    say("RCPT TO:" + in_brackets(recipient));
  if (server_.transaction().recipient_count() == 0) return std::move(steps_);
  for (size_t i = 0; i < server_.transaction().recipient_count(); ++i)
    recipients_.emplace_back(server_.transaction().recipient(i));
  if (say("DATA").accepted) send_content(steps_.emplace_back());
  say("QUIT");
  return std::move(steps_);
}

Explanation::Step& ExplainedDialogue::say(const std::string& command) {
  Explanation::Step& step = steps_.emplace_back();
  step.command = command;
  input_ = command;
  input_.append("\r\n");
  server_.feed(input_);
  take_events(step);
  return step;
}

// Content of the size that was asked for, as far as it matters: one octet beyond the limit is as
// good as all of them.
void ExplainedDialogue::send_content(Explanation::Step& step) {
  step.command = question_.size ? fmt::format("(a message of {} octets)", *question_.size)
                                : std::string("(a short message)");
  uint64_t left = question_.size.value_or(100);
  const bool limited = options_->limit_message_size && options_->max_message_size != 0;
  left = std::min(left, limited ? options_->max_message_size + 1 : uint64_t{kPiece});
  std::string piece = "Subject: Test\r\n\r\n";
  while (piece.size() < kPiece) piece.append(76, 'x').append("\r\n");
  while (left > 0) {
    // Whole pieces end behind a CRLF, and so does the last.
    std::string text = piece.substr(0, std::min<uint64_t>(left, piece.size()));
    left -= text.size();
    if (left == 0 && text.size() >= 2) text.replace(text.size() - 2, 2, "\r\n");
    input_ = std::move(text);
    server_.feed(input_);
    take_events(step);
  }
  const bool line_end = input_.ends_with("\r\n");
  input_ = line_end ? ".\r\n" : "\r\n.\r\n";
  server_.feed(input_);
  take_events(step);
}

// Until the server wants more; the replies become the step's.
void ExplainedDialogue::take_events(Explanation::Step& step) {
  for (bool more = true; more;) {
    const smtp::Event event = server_.needs_input() ? smtp::Event{} : server_.next();
    switch (event.kind) {
      case smtp::Event::Kind::kNeedInput:
      case smtp::Event::Kind::kClose:
        more = false;
        break;
      case smtp::Event::Kind::kRefused:
      case smtp::Event::Kind::kDataRefused:
        if (event.bytes == kAuth) {
          refuse_auth(event.reply, step);
          break;
        }
        step.reason = event.kind == smtp::Event::Kind::kRefused
                          ? "the command itself, before any right is asked for"
                          : "the content";
        step.cure = cure_for(event.reply);
        break;
      default:
        if (event.is_question()) answer(event, step);
        break;
    }
  }
  const std::string reply = lines_of(server_.output());
  server_.output_consumed(server_.output().size());
  if (reply.empty()) return;
  step.reply = reply;
  step.accepted = is_positive(reply);
}

void ExplainedDialogue::answer(const smtp::Event& question, Explanation::Step& step) {
  const policy::Snapshot& snapshot = policy_.snapshot();
  switch (question.kind) {
    case smtp::Event::Kind::kMail:
      return decide(snapshot.mail(connector_, principal_, question.path.domain, proof()),
                    smtp::replies::kSenderOk, true, step);
    case smtp::Event::Kind::kRecipient:
      return decide(snapshot.recipient(connector_, principal_, question.path.domain),
                    smtp::replies::kRecipientOk, false, step);
    case smtp::Event::Kind::kStartTls:
      return server_.answer({smtp::replies::kReadyForTls});
    case smtp::Event::Kind::kAuth:
      return decide_logon(step);
    case smtp::Event::Kind::kXclient:
      server_.begin_again(client_, false);
      return server_.greet(kDate);
    case smtp::Event::Kind::kData:
      return server_.answer({smtp::replies::kStartMailInput});
    default:
      return server_.answer({{250, {2, 6, 0}, taken_text()}});
  }
}

// As front does it, for whom the password is right.
void ExplainedDialogue::decide_logon(Explanation::Step& step) {
  constexpr auto kUsers = policy::Principal::kAuthenticatedUsers;
  if (!has(policy_.snapshot().rights(connector_, kUsers), policy::Right::kSubmit)) {
    step.reason = fmt::format("{} has no {}", name_of(kUsers), name_of(policy::Right::kSubmit));
    step.cure = cure_for_right(kUsers, policy::Right::kSubmit);
    return server_.answer({smtp::replies::kLogonFailed});
  }
  if (server_.credentials().user.empty()) {
    step.reason = "nobody can have this name: it is no UTF-8, or holds a control character";
    return server_.answer({smtp::replies::kLogonFailed});
  }
  server_.answer({smtp::replies::kAuthenticated});
  become(kUsers);
}

// What keeps AUTH from being offered here.
void ExplainedDialogue::refuse_auth(const smtp::Reply& reply, Explanation::Step& step) const {
  using policy::AuthMechanism;
  const policy::ReceiveConnector& connector = policy_.snapshot().connectors()[connector_];
  const std::string place = place_of("auth_mechanism");
  const bool needs_tls = connector.auth_mechanism.has(AuthMechanism::kBasicAuthRequireTls);
  if (is(reply, smtp::replies::kAuthNeedsTls)) {
    step.reason = needs_tls ? fmt::format("BasicAuthRequireTLS in auth_mechanism at {}", place)
                            : std::string("where TLS is offered, no password crosses in the clear");
    step.cure = options_->starttls
                    ? "begin TLS (--tls)"
                    : "write certificate and key under [tls] in relais.toml, and begin TLS (--tls)";
  } else if (!connector.auth_mechanism.has(AuthMechanism::kBasicAuth)) {
    step.reason = "AUTH is not offered: no BasicAuth in auth_mechanism at " + place;
    step.cure = "write \"BasicAuth\" into auth_mechanism at " + place;
  } else {
    step.reason = "AUTH is not offered: nobody knows passwords";
    step.cure = "write password_file or dovecot_socket under [auth] in relais.toml";
  }
}

// Of an upstream nobody knows the words.
std::string ExplainedDialogue::taken_text() const {
  const bool discards =
      policy_.snapshot().connectors()[connector_].delivery == policy::Delivery::kDiscard;
  return std::string("<GUID> ").append(discards ? smtp::replies::kDiscardedText
                                                : smtp::replies::kQueuedText);
}

policy::Proof ExplainedDialogue::proof() const {
  const policy::ReceiveConnector& connector = policy_.snapshot().connectors()[connector_];
  policy::Proof proof{.in_tls = server_.in_tls()};
  if (connector.domain_secure && proof.in_tls)
    proof.partner =
        policy::secure_domain_of(connector.domain_secure_domains, question_.certificate_name);
  return proof;
}

void ExplainedDialogue::decide(const policy::Decision& decision, const smtp::Reply& accepted,
                               bool is_sender, Explanation::Step& step) {
  step.reason = decision.reason;
  if (!decision.allowed) step.cure = cure_for(decision, is_sender);
  server_.answer({front::reply_of(decision, accepted)});
}

std::string ExplainedDialogue::place_of(std::string_view key) const {
  return fmt::format("{}:{}", policy_.snapshot().connectors()[connector_].source,
                     lines_.keys.of(key));
}

// What gives a right that is missing, or takes the denial away.
std::string ExplainedDialogue::cure_for_right(policy::Principal principal,
                                              policy::Right right) const {
  const policy::ReceiveConnector& connector = policy_.snapshot().connectors()[connector_];
  for (size_t i = 0; i < connector.permissions.size(); ++i) {
    const policy::Ace& ace = connector.permissions[i];
    if (ace.deny && ace.user == principal && has(ace.rights, right)) {
      return fmt::format("take {} out of the denial at {}:{}", name_of(right), connector.source,
                         lines_.permissions[i]);
    }
  }
  std::string group;
  for (const policy::PermissionGroup candidate : policy::all_permission_groups()) {
    if (group.empty() && has(granted(candidate, principal, connector.auth_mechanism), right))
      group = fmt::format("write \"{}\" into permission_groups, or ", name_of(candidate));
  }
  return fmt::format("{}add [[permission]] user = '{}', extended_rights = [\"{}\"] to {}", group,
                     name_of(principal), name_of(right), connector.source);
}

std::string ExplainedDialogue::cure_for(const policy::Decision& decision, bool is_sender) const {
  for (const policy::Right right : policy::all_rights()) {
    if (!has(decision.missing, right)) continue;
    std::string cure = cure_for_right(principal_, right);
    if (right == policy::Right::kAcceptAnyRecipient)
      cure += "; or make the recipient's domain an [[accepted_domain]] in relais.toml";
    if (right == policy::Right::kAcceptAnySender)
      cure += "; or make the sender's domain an [[accepted_domain]] in relais.toml";
    return cure;
  }
  const policy::ReceiveConnector& connector = policy_.snapshot().connectors()[connector_];
  if (decision.needs_proof)
    return "show a certificate of that domain (--certificate-name), or take the domain out of "
           "domain_secure_domains at " +
           place_of("domain_secure_domains");
  if (is_sender && connector.require_tls)
    return "begin TLS (--tls), or write require_tls = false at " + place_of("require_tls");
  return "switch that off in " + connector.source + ", or name another recipient";
}

std::string ExplainedDialogue::cure_for(const smtp::Reply& reply) const {
  namespace replies = smtp::replies;
  if (is(reply, replies::kInvalidDomain)) {
    return options_->require_ehlo_domain
               ? "give a domain (--helo), or write require_ehlo_domain = false at " +
                     place_of("require_ehlo_domain")
               : std::string("give a host name or an address literal (--helo)");
  }
  if (is(reply, replies::kTooLarge)) {
    return fmt::format("raise max_message_size ({}) in {}; or {}", options_->max_message_size,
                       policy_.snapshot().connectors()[connector_].source,
                       cure_for_right(principal_, policy::Right::kBypassMessageSizeLimit));
  }
  if (is(reply, replies::kInvalidSender) || is(reply, replies::kInvalidRecipient))
    return "give an address such as chris@contoso.com";
  if (is(reply, replies::kUnrecognized) && steps_.back().command == "STARTTLS")
    return "write a certificate into [tls] of relais.toml, and \"Tls\" into auth_mechanism of " +
           policy_.snapshot().connectors()[connector_].source;
  if (is(reply, replies::kUnrecognized))
    return fmt::format("add {} to xclient_hosts of {}", client_,
                       policy_.snapshot().connectors()[connector_].source);
  if (is(reply, replies::kTooManyRecipients))
    return "raise max_recipients_per_message at " + place_of("max_recipients_per_message");
  return {};
}

}  // namespace relais::admin
