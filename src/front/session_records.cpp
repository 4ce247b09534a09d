// A session in TLS whose records the kernel opens and makes, where it can: from the first moment of
// rest behind the handshake on, its receives and sends carry plaintext, as those of a session in
// the clear do. OpenSSL's part of it goes then. What is left to do here are the records that are no
// data: the peer's end, and its new keys.
#include <utility>

#include "base/assert.h"
#include "front/front.h"

namespace relais::front {

using tls::Traffic;

// Before a receive is armed: none may be under way, and nothing sent that OpenSSL has made. False:
// a send must end first.
bool Front::settle_records(Session& session) {
  SessionTls* const tls = session.tls.get();
  // What OpenSSL has not read yet must go through it, and a record that has come in part.
  if (tls == nullptr || tls->kernel_opens() || tls->stream == nullptr || tls->came ||
      !tls->input.empty() || !session.input.empty() || session.finishing ||
      !tls->stream->can_be_handed_over())
    return true;
  if (session.sending) return false;
  if (has_output(session)) return true;  // a limit holds it back
  give_to_kernel(session);
  return true;
}

// What the kernel does not take stays with OpenSSL: both directions, or that of sending.
void Front::give_to_kernel(Session& session) {
  SessionTls& tls = *session.tls;
  auto handed = tls.stream->hand_over();
  if (handed.traffic == nullptr) return;
  ring::Kernel& kernel = loop_.kernel();
  if (!kernel.set_record_key(session.fd, RecordDirection::kReceive, handed.receive)) return;
  tls.traffic = std::move(handed.traffic);
  tls.memory.reset();
  if (kernel.set_record_key(session.fd, RecordDirection::kSend, handed.send)) tls.stream.reset();
  ++given_to_kernel_;
}

// A receive has ended with `error`, perhaps at a record that is no data. False: the session ends.
bool Front::on_record(Session& session, Error error) {
  SessionTls& tls = *session.tls;
  if (error == Error::kCorrupt) {
    fail_records(session, Traffic::bad_record_mac(), "decryption failed or bad record mac");
    return false;
  }
  const auto record = error == Error::kIo ? loop_.kernel().receive_control(session.fd)
                                          : Result<ControlRecord>(std::unexpected(error));
  if (!record) {
    session.peer_done = true;
    return true;
  }
  switch (tls.traffic->hear(*record)) {
    case Traffic::Meaning::kNothing:
      return true;
    case Traffic::Meaning::kEnded:
      tls.peer_ended = true;
      session.peer_done = true;
      return true;
    case Traffic::Meaning::kGone:
      session.peer_done = true;
      return true;
    case Traffic::Meaning::kRenegotiation:
      if (tls.kernel_makes()) {
        say_record(session, Traffic::no_renegotiation());
        return true;
      }
      fail_records(session, Traffic::no_renegotiation(), "no renegotiation");
      return false;
    case Traffic::Meaning::kNewKeys:
      tls.owes_key = true;
      [[fallthrough]];
    case Traffic::Meaning::kNewKey: {
      const auto key = tls.traffic->renew(RecordDirection::kReceive);
      if (loop_.kernel().set_record_key(session.fd, RecordDirection::kReceive, key))
        return !tls.owes_key || renew_send_key(session);
      begin_close(session);
      return false;
    }
    case Traffic::Meaning::kUnexpected:
      fail_records(session, Traffic::unexpected_message(), "unexpected message");
      return false;
  }
  return true;
}

// As it was asked to. Where there is no room for our KeyUpdate it comes before the next send.
// False: the session ends.
bool Front::renew_send_key(Session& session) {
  SessionTls& tls = *session.tls;
  if (tls.stream != nullptr) {
    tls.owes_key = false;
    tls.stream->renew_send_key();
    return true;
  }
  if (!say_record(session, Traffic::key_update())) return true;
  tls.owes_key = false;
  const auto key = tls.traffic->renew(RecordDirection::kSend);
  if (loop_.kernel().set_record_key(session.fd, RecordDirection::kSend, key)) return true;
  begin_close(session);
  return false;
}

// Nothing is said behind it.
void Front::fail_records(Session& session, const ControlRecord& farewell, std::string_view why) {
  if (session.tls->kernel_makes()) say_record(session, farewell);
  observer_.on_refused(client_of(session), "TLS", session.server.transaction(), {}, {}, why);
  note(session, why, "TLS failed");
  begin_close(session);
}

// Best effort. False: there is no room for it.
bool Front::say_record(Session& session, const ControlRecord& record) {
  return loop_.kernel().send_control(session.fd, record).has_value();
}

// The last thing said.
void Front::say_end_of_tls(Session& session) {
  SessionTls* const tls = session.tls.get();
  if (tls == nullptr || !tls->kernel_makes() || std::exchange(tls->end_said, true)) return;
  say_record(session, Traffic::close_notify());
}

}  // namespace relais::front
