// TLS of a session: between the receive buffers and the server on the way in, between the server
// and the send on the way out. Everything behind the server is the same with and without.
#include <utility>

#include "base/assert.h"
#include "front/front.h"
#include "policy/secure_domains.h"

namespace relais::front {

using tls::Stream;

void Front::on_start_tls(Session& session) {
  if (is_limited(session, policy::Measure::kTlsHandshakes)) {
    const auto verdict = charge_for_good(session, policy::Measure::kTlsHandshakes, 1);
    if (limited(session, verdict, "STARTTLS", {})) return;
  }
  const auto& context = session.policy->policy->tls(session.connector);
  ASSERT(context != nullptr);  // or it is not offered
  session.server.answer({smtp::replies::kReadyForTls});
  // All that has come by now was sent before our answer, in the clear: it is nobody's.
  drop_input(session);
  session.tls = std::make_unique<SessionTls>(context);
  std::swap(session.tls->plain, session.server.output_buffer());
  if (session.dialogue != nullptr) session.dialogue->left(loop_.wall_now(), session.tls->plain);
}

// From the first octet on. False: it cannot.
bool Front::begin_with_tls(Session& session) {
  const auto& context = session.policy->policy->tls(session.connector);
  if (context == nullptr) return false;  // its file was lost between two reloads
  session.tls = std::make_unique<SessionTls>(context);
  session.tls->implicit = true;
  if (is_limited(session, policy::Measure::kTlsHandshakes)) {
    // A refusal ends the session, and nobody hears why but the log.
    const auto verdict = charge_for_good(session, policy::Measure::kTlsHandshakes, 1);
    (void)limited(session, verdict, "TLS", {});
  }
  return true;
}

// Gives the server the next plaintext. False: there is none.
bool Front::feed_plaintext(Session& session) {
  SessionTls& tls = *session.tls;
  while (tls.stream != nullptr) {
    const tls::Event event = next_of_tls(tls);
    switch (event.kind) {
      case tls::Event::Kind::kOpened:
        forget_user(session);
        session.server.tls_started();
        recognize_partner(session);
        if (session.dialogue != nullptr) note(session, tls_text(session), "TLS negotiated");
        if (tls.implicit) session.server.greet(rfc5322_date(loop_.wall_now()));
        break;
      case tls::Event::Kind::kPlaintext:
        session.server.feed({tls.memory.get(), event.octets});
        return true;
      case tls::Event::Kind::kNeedInput:
        if (tls.fed) take_back(session);
        tls.fed = false;
        tls.input = {};
        if (session.input.empty()) {
          tls.memory.reset();  // an idle session is small
          return false;
        }
        if (options_.handshakes != nullptr && tls.stream->long_step_ahead()) {
          give_step_away(session);
        } else {
          tls.fed = true;
          tls.stream->feed(front_of(session));
        }
        break;
      case tls::Event::Kind::kEnded:
      case tls::Event::Kind::kFailed:
        end_tls(session);
        return false;
    }
  }
  return false;
}

tls::Event Front::next_of_tls(SessionTls& tls) {
  if (tls.came) return *std::exchange(tls.came, std::nullopt);
  if (tls.memory == nullptr) tls.memory = std::make_unique_for_overwrite<char[]>(tls::kRecordMax);
  return tls.stream->next({tls.memory.get(), tls::kRecordMax});
}

// Such a step takes as long as some messages. Its input is copied: receive buffers are
// for all sessions, and this one may wait.
void Front::give_step_away(Session& session) {
  SessionTls& tls = *session.tls;
  tls.memory.reset();
  const auto octets = front_of(session);
  tls.away = std::make_shared<tls::Step>();
  tls.away->stream = std::move(tls.stream);
  tls.away->input.assign(octets.begin(), octets.end());
  tls.away->done = [way = way_back(), handle = sessions_.handle_of(&session)](auto step) {
    auto done = std::make_shared<StepDone>(StepDone{handle, std::move(step)});
    way->post({.kind = ring::Letter::Kind::kHandshake, .object = std::move(done)});
  };
  take_back(session);
  options_.handshakes->submit(session.remote.address.flow(), tls.away);
}

void Front::on_handshake(const StepDone& done) {
  Session* session = sessions_.get(done.session);
  ASSERT(session != nullptr);  // a slot is retired only after its step has ended
  SessionTls& tls = *session->tls;
  ASSERT(tls.away == done.step);
  tls.away.reset();
  if (session->closing) return close_when_quiet(*session);
  if (session->finishing) return;  // nothing is said any more
  tls.stream = std::move(done.step->stream);
  tls.input = std::move(done.step->input);
  tls.came = done.step->event;
  step(*session);
}

// A trusted certificate of a listed domain makes the session a partner's.
void Front::recognize_partner(Session& session) {
  const policy::ReceiveConnector& connector = session.receive_connector();
  if (!connector.domain_secure) return;
  const auto shown = session.tls->stream->peer_certificate();
  std::string& problem = session.tls->no_partner;
  if (!shown) {
    problem = "it has shown no certificate";
  } else if (!shown->trusted) {
    problem = "its certificate is not trusted: " + shown->problem;
  } else if (shown->not_after <= loop_.wall_now()) {
    problem = "its certificate has expired";  // a ticket may be younger than that
  } else {
    for (const std::string& name : shown->dns_names) {
      session.partner = policy::secure_domain_of(connector.domain_secure_domains, name);
      if (!session.partner.empty()) break;
    }
    if (session.partner.empty())
      problem = "its certificate is of no domain in domain_secure_domains: " + shown->subject;
  }
  if (!problem.empty()) return note(session, problem, "domain security");
  become(session, policy::Principal::kPartnerServers);
  note(session, session.partner, "domain security");
  if (session.dialogue != nullptr) note_rights(session);
}

// Nothing is read any more. After a failure nothing is said but TLS's own farewell (smtp-rules.md
// 7); after the client's close_notify it still hears, in TLS, the answers to what it had said
// before: Exim sends the end of its last message and that in one go.
void Front::end_tls(Session& session) {
  const bool told = std::exchange(session.tls->ended, true);
  if (!told && session.tls->stream->state() == Stream::State::kFailed) {
    observer_.on_refused(client_of(session), "TLS", session.server.transaction(), {}, {},
                         session.tls->stream->failure());  // nobody is answered
    note(session, session.tls->stream->failure(), "TLS handshake failed");
  }
  drop_input(session);
  session.peer_done = true;
}

// So many octets of the server's output. Before the handshake is done there are only those of a
// session that ends; then, and behind TLS's end, nobody may hear them.
void Front::encrypt(Session& session, size_t octets) {
  Stream* const stream = session.tls->stream.get();
  if (octets > 0) {
    if (stream != nullptr) (void)stream->write(session.server.output().substr(0, octets));
    session.server.output_consumed(octets);
  }
  if (stream != nullptr) std::swap(session.out, stream->output_buffer());
}

std::string tls_text(const Session& session) {
  if (!session.server.in_tls()) return {};
  const SessionTls& tls = *session.tls;
  std::string text = "version=";
  text += tls.kernel_opens() ? tls.traffic->version() : tls.stream->version();
  text += ", cipher=";
  text += tls.kernel_opens() ? tls.traffic->cipher() : tls.stream->cipher();
  return text;
}

}  // namespace relais::front
