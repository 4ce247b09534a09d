// XCLIENT: a client that its connector trusts says for whom it speaks, and the session goes on as
// that client's: its connector, rights, limits and log lines, as if it had connected itself.
#include <utility>

#include "base/assert.h"
#include "front/front.h"
#include "front/limit_reply.h"
#include "smtp/xclient.h"

namespace relais::front {
namespace {

// Whoever cannot say who the client is would have it treated as itself.
constexpr smtp::Reply kAddressNeeded{550, {5, 7, 1}, "XCLIENT without the address of the client"};

}  // namespace

void Front::on_xclient(Session& session, std::string_view arguments) {
  const auto named = smtp::parse_xclient(arguments);
  ASSERT(named.has_value());  // or it is not asked
  // The log has the client that was named, and by whom.
  Client client = client_of(session);
  const auto refuse = [&](const smtp::Reply& reply, std::string_view reason, bool close) {
    observer_.on_refused(client, smtp::kXclientVerb, session.server.transaction(), {}, reply,
                         reason);
    note(session, reason, "refused");
    session.server.answer({.reply = reply, .close = close});
  };
  if (!named->address) return refuse(kAddressNeeded, kAddressNeeded.text, false);
  Endpoint remote{*named->address, 0};
  if (named->port) remote.port = *named->port;
  Duration wait{};
  if (remote.address != session.remote.address) {
    const PolicyUse& newest = policies_.back();
    const policy::Selection selection =
        newest.policy->snapshot().select(session.local, remote.address);
    client = client_at_connect(session.local, remote, selection);
    client.via = session.remote;
    if (selection.connector == nullptr) {
      return refuse(smtp::replies::kNotAccepting, "no connector serves the address on this binding",
                    true);
    }
    Admission admission{.slot = slot_of(selection), .charges = {}, .wait = {}};
    if (const auto verdict = refusal_of_connection(session.local, remote, selection, admission)) {
      const LimitRefusal refusal(*verdict, selection.connector->name, limit_id(), true);
      return refuse(refusal.reply, refusal.reason, true);
    }
    wait = admission.wait;
    become_client(session, remote, selection, std::move(admission));
  }
  session.remote = remote;
  session.user = named->login;
  session.partner.clear();
  const size_t replies_before = session.server.output().size();
  session.server.begin_again(session.client, !session.user.empty());
  become(session, session.user.empty() ? session.receive_connector().session_principal()
                                       : policy::Principal::kAuthenticatedUsers);
  // Who watches this client sees its session begin; who watched the proxy sees where it went.
  note(session, session.remote.to_string(), "XCLIENT");
  if (session.dialogue != nullptr) session.dialogue->closed(loop_.wall_now(), true);
  begin_dialogue(session);
  session.server.greet(rfc5322_date(loop_.wall_now()));
  arm_timer(session, session.times_out_at());
  hold(session, wait, replies_before);
}

// It is counted there from now on, under the newest policy.
void Front::become_client(Session& session, const Endpoint& remote,
                          const policy::Selection& selection, Admission admission) {
  observer_.on_closed(client_of(session));
  if (session.via.port == 0) session.via = session.remote;
  if (!session.connection_charges.empty())
    limits_->give_back(session.connection_charges, loop_.now());
  session.connection_charges = std::move(admission.charges);
  session.limit_slot = admission.slot;
  PolicyUse* const old = std::exchange(session.policy, &policies_.back());
  ++session.policy->sessions;
  --old->sessions;
  release_policy(old);
  session.connector = selection.connector_index;
  session.range = selection.range_index;
  session.remote = remote;
  session.client = remote.address.to_string();
  session.milter = {};
  session.told_of = nullptr;
  session.opened = session.last_input = loop_.now();
  observer_.on_opened(client_of(session));
}

}  // namespace relais::front
