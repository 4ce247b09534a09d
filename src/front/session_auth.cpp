// AUTH of a session: who may try, the question to the authenticator's threads and its answer, and
// whom the session runs as from then on.
#include <utility>

#include "base/assert.h"
#include "front/front.h"
#include "smtp/command_line.h"

namespace relais::front {

using policy::Measure;
using policy::Principal;

// Outside a transaction: rights, and what the dialogue offers, are those of the principal.
void Front::become(Session& session, Principal principal) {
  const auto& policy = *session.policy->policy;
  session.principal = principal;
  session.server.use(policy.options(session.connector, principal));
  session.tarpitted = session.receive_connector().tarpit_interval.ns > 0 &&
                      principal != Principal::kAuthenticatedUsers &&
                      !has(policy.snapshot().rights(session.connector, principal),
                           policy::Right::kAcceptAnyRecipient);
}

// What was said in the clear is forgotten (RFC 3207 section 4.2).
void Front::forget_user(Session& session) {
  if (session.user.empty()) return;
  session.user.clear();
  become(session, session.receive_connector().session_principal());
}

void Front::on_auth(Session& session) {
  smtp::Credentials credentials = std::move(session.server.credentials());
  session.user = credentials.user;
  // An attempt counts as failed until it has succeeded, so that no number of them at one time gets
  // past a limit.
  if (is_limited(session, Measure::kAuthFailures)) {
    const auto verdict = limits_->charge(session.limit_slot, Measure::kAuthFailures,
                                         subject_of(session), 1, loop_.now(), session.auth_charges);
    if (limited(session, verdict, "AUTH", {})) return session.user.clear();
  }
  const auto& policy = *session.policy->policy;
  if (!has(policy.snapshot().rights(session.connector, Principal::kAuthenticatedUsers),
           policy::Right::kSubmit))
    return refuse_auth(session, "NT AUTHORITY\\Authenticated Users has no ms-Exch-SMTP-Submit");
  if (const std::string_view flaw = session.server.credentials_flaw(); !flaw.empty())
    return refuse_auth(session, std::string("malformed credentials: ").append(flaw));
  ASSERT(policy.authenticator() != nullptr);  // or it is not offered
  auth::Request request;
  request.user = std::move(credentials.user);
  request.password = credentials.password;
  request.client = session.remote.address;
  request.local = session.local.address;
  request.in_tls = session.server.in_tls();
  request.gone = session.auth_gone = std::make_shared<std::atomic<bool>>(false);
  request.answer = [way = way_back(), handle = sessions_.handle_of(&session)](
                       auth::Outcome outcome, const std::string& user) {
    auto answer = std::make_shared<AuthAnswer>(AuthAnswer{handle, outcome, user});
    way->post({.kind = ring::Letter::Kind::kAuth, .object = std::move(answer)});
  };
  if (!policy.authenticator()->submit(std::move(request)))
    on_auth_outcome(session, auth::Outcome::kUnavailable, "too many wait for it");
}

void Front::on_auth_answer(const AuthAnswer& answer) {
  Session* session = sessions_.get(answer.session);
  // Gone, or told in the meantime that it takes too long.
  if (session == nullptr || session->closing || !session->server.awaits_answer()) return;
  session->auth_gone.reset();
  // One account counts as one, by whatever name it was called.
  if (!answer.user.empty() && smtp::is_clean_utf8(answer.user)) session->user = answer.user;
  on_auth_outcome(*session, answer.outcome, "nobody can say whether the password is right");
  step(*session);
}

void Front::on_auth_outcome(Session& session, auth::Outcome outcome, std::string_view trouble) {
  if (outcome == auth::Outcome::kNo) return refuse_auth(session, "unknown user or wrong password");
  if (limits_ != nullptr) limits_->give_back(session.auth_charges, loop_.now());
  session.auth_charges.clear();
  if (outcome == auth::Outcome::kUnavailable) {
    observer_.on_refused(client_of(session), "AUTH", session.server.transaction(), {},
                         smtp::replies::kAuthUnavailable, trouble);
    note(session, trouble, "refused");
    session.user.clear();
    return session.server.answer({smtp::replies::kAuthUnavailable});
  }
  session.server.answer({smtp::replies::kAuthenticated});
  become(session, Principal::kAuthenticatedUsers);
  note(session, session.user, "authenticated");
  if (session.dialogue != nullptr) note_rights(session);
}

// What the log says where the dialogue itself has refused a command. The mechanism that AUTH has
// asked for is not in it: it may be a password.
std::string_view Front::why_refused(const Session& session, const smtp::Event& event) {
  constexpr std::string_view kProtocol = "protocol";
  if (event.bytes != "AUTH") return kProtocol;
  if (event.reply.code == smtp::replies::kAuthNeedsTls.code) return "AUTH is offered in TLS only";
  if (event.reply.code != smtp::replies::kUnknownMechanism.code) return kProtocol;
  const auto& options = session.policy->policy->options(session.connector, session.principal);
  return options.auth ? "neither PLAIN nor LOGIN" : "AUTH is not offered";
}

// One reply for all failures; the log has the reason.
void Front::refuse_auth(Session& session, std::string_view reason) {
  session.auth_charges.clear();
  note(session, reason, "refused");
  const size_t replies_before = session.server.output().size();
  session.server.answer({smtp::replies::kLogonFailed});
  // max_logon_failures may have made another reply of it.
  const bool was_last = session.server.is_shut();
  observer_.on_refused(client_of(session), "AUTH", session.server.transaction(), {},
                       was_last ? smtp::replies::kTooManyErrors : smtp::replies::kLogonFailed,
                       reason);
  session.user.clear();
  on_error_reply(session, replies_before, session.receive_connector().auth_tarpit_interval);
}

}  // namespace relais::front
