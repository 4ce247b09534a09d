// A session's small loop: receive, feed, act, send; and how it closes.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "front/front.h"

namespace relais::front {
namespace {

// Strings for output go from session to session, so that idle ones own none: so many of at most
// that size are kept.
constexpr size_t kSparesMax = 64;
constexpr size_t kSpareOctets = 4096;

}  // namespace

void Front::arm_receive(Session& session) {
  ASSERT(!session.receiving);
  session.receiving = true;
  session.parked = false;
  const ring::Token token{ring::Operation::kSessionReceive, sessions_.handle_of(&session)};
  if (session.tls != nullptr && session.tls->kernel_opens()) {
    loop_.receive_records(session.fd, *buffers_, token);
  } else {
    loop_.receive(session.fd, *buffers_, token);
  }
}

void Front::on_receive(const ring::Completion& completion) {
  Session* session = sessions_.get(completion.token.handle);
  if (session == nullptr) {
    ASSERT(!completion.has_buffer);  // a slot is retired only after its receive has ended
    return;
  }
  if (completion.unparked) {
    session->parked = false;
    if (!session->closing) rest(*session);
    return;
  }
  session->receiving = false;
  if (completion.has_buffer && completion.result > 0) {
    session->input.push_back({completion.buffer, static_cast<uint32_t>(completion.result)});
    session->last_input = loop_.now();
  } else if (completion.has_buffer) {
    buffers_->give_back(completion.buffer);
  }
  if (completion.result == 0) session->peer_done = true;
  if (!completion.ok()) {
    const Error error = completion.error();
    if (error == Error::kNoBuffers && !session->closing) {
      session->parked = true;
      park(completion.token);
    } else if (error != Error::kCanceled && error != Error::kNoBuffers) {
      const bool opened_below = session->tls != nullptr && session->tls->kernel_opens();
      if (!opened_below || session->closing) {
        session->peer_done = true;
      } else if (!on_record(*session, error)) {
        return;
      }
      // Nobody hears what would come of it.
      if (session->handshake_is_away()) begin_close(*session);
    }
  }
  if (session->closing) {
    drop_input(*session);
    return close_when_quiet(*session);
  }
  step(*session);
}

void Front::step(Session& session) {
  std::string& output = session.server.output_buffer();
  // A short reply that waits is a string without memory of its own, too.
  if (output.empty() && output.capacity() == std::string{}.capacity() && !spares_.empty()) {
    output = std::move(spares_.back());
    spares_.pop_back();
  }
  run(session);
  // Replies of a group go out as one, too.
  if (!session.interrupted) flush(session);
  if (output.empty()) make_spare(output);
  rest(session);
}

// It is done with.
void Front::make_spare(std::string& output) {
  output.clear();
  if (output.capacity() == std::string{}.capacity()) return;
  if (output.capacity() <= kSpareOctets && spares_.size() < kSparesMax)
    spares_.push_back(std::move(output));
  std::string().swap(output);  // an assignment would leave it its memory
}

// Feeds and acts until there is no more input, the session has to wait for somebody, or it has had
// its share.
void Front::run(Session& session) {
  uint32_t events = 0;
  while (!session.closing && !session.waits() && !session.server.awaits_answer()) {
    if (session.leaves_for && can_go(session)) return;
    if (session.server.output().size() > kOutputMax && !session.server.is_shut()) {
      flush(session);
      if (!session.server.output().empty()) return;
    }
    const size_t replies_before = session.server.output().size();
    session.server.ask_before_commands(session.dialogue != nullptr ||
                                       is_limited(session, policy::Measure::kCommands));
    const smtp::Event event = session.server.next();

    if (event.kind == smtp::Event::Kind::kNeedInput) {
      if (session.fed) take_back(session);
      if (draining_ && session.server.idle() && session.input.empty() && session.carried.empty()) {
        session.server.shut(smtp::replies::kShuttingDown);
        continue;
      }
      if (!feed(session)) return;
      continue;
    }
    if (event.kind != smtp::Event::Kind::kBody) ++events;
    if (event.kind == smtp::Event::Kind::kClose) {
      session.finishing = true;
      session.has_quit = quits_cleanly(session);
      if (session.handshake_is_away()) session.tls->away->abandoned = true;
      drop_message(session);
      drop_input(session);
      return;
    }
    act(session, event, replies_before);
    if (events >= options_.step_events) return interrupt(session);
  }
}

// Closing a connection with unread input would reset it; a client that has said QUIT sends no more.
bool Front::quits_cleanly(const Session& session) const {
  if (!session.server.has_quit() || session.tls != nullptr || session.receiving) return false;
  if (session.input.size() != 1) return session.input.empty();
  // What fills a buffer may go on in the socket.
  return session.carried.empty() && session.input[0].octets < options_.receive_buffer_octets;
}

void Front::interrupt(Session& session) {
  loop_.do_not_wait();
  if (std::exchange(session.interrupted, true)) return;
  interrupted_.push_back(sessions_.handle_of(&session));
}

void Front::resume_interrupted() {
  for (const Handle handle : std::exchange(interrupted_, {})) {
    Session* session = sessions_.get(handle);
    if (session == nullptr) continue;
    session->interrupted = false;
    if (!session->closing) step(*session);
  }
}

// What is left of the oldest receive buffer.
std::span<const char> Front::front_of(const Session& session) const {
  const Lent& lent = session.input.front();
  return buffers_->bytes(lent.buffer, lent.octets).subspan(lent.begin);
}

void Front::take_back(Session& session) {
  session.fed = false;
  if (!session.carried.empty()) return std::string().swap(session.carried);
  buffers_->give_back(session.input.front().buffer);
  session.input.erase(session.input.begin());
  session.looks = 0;
}

// False: there is nothing.
bool Front::feed(Session& session) {
  if (!session.carried.empty()) {
    session.fed = true;
    session.server.feed(session.carried);
    return true;
  }
  if (session.tls != nullptr && !session.tls->kernel_opens()) return feed_plaintext(session);
  if (session.input.empty()) return false;
  session.fed = true;
  session.server.feed(front_of(session));
  return true;
}

bool Front::has_output(const Session& session) {
  if (!session.server.output().empty()) return true;
  if (session.tls == nullptr) return false;
  const tls::Stream* stream = session.tls->stream.get();
  return !session.tls->plain.empty() || (stream != nullptr && !stream->output().empty());
}

// Into session.out what may go now. False: nothing.
bool Front::take_output(Session& session) {
  SessionTls* tls = session.tls.get();
  std::string& waiting =
      tls != nullptr && !tls->plain.empty() ? tls->plain : session.server.output_buffer();
  const size_t octets = session.held() ? std::exchange(session.free_output, 0) : waiting.size();
  // Before the handshake is done nobody hears what waits behind it.
  if (session.dialogue != nullptr && (tls == nullptr || session.server.in_tls()))
    session.dialogue->left(loop_.wall_now(), std::string_view(waiting).substr(0, octets));
  if (tls != nullptr && tls->plain.empty() && !tls->kernel_makes()) {
    encrypt(session, octets);
  } else if (octets < waiting.size()) {
    session.out.assign(waiting, 0, octets);
    waiting.erase(0, octets);
  } else {
    std::swap(session.out, waiting);
  }
  return !session.out.empty();
}

void Front::flush(Session& session) {
  if (session.sending || session.closing) return;
  if (session.tls != nullptr && session.tls->owes_key && !renew_send_key(session)) return;
  if (!take_output(session)) return;
  session.out_sent = 0;
  // The end of the connection goes with the last reply.
  send_rest(session, session.finishing && session.tls == nullptr && !has_output(session));
}

void Front::send_rest(Session& session, bool end_follows) {
  session.sending = true;
  const auto left = std::span<const char>(session.out).subspan(session.out_sent);
  const ring::Token token{ring::Operation::kSessionSend, sessions_.handle_of(&session)};
  if (session.tls != nullptr && session.tls->kernel_makes()) {
    loop_.send_records(session.fd, left, token);
  } else {
    loop_.send(session.fd, left, token, end_follows);
  }
}

void Front::on_send(const ring::Completion& completion) {
  Session* session = sessions_.get(completion.token.handle);
  ASSERT(session != nullptr);  // a slot is retired only after its send has ended
  session->sending = false;
  if (session->closing) return close_when_quiet(*session);
  if (!completion.ok()) {
    session->peer_done = true;
    return begin_close(*session);
  }
  session->out_sent += static_cast<size_t>(completion.result);
  if (session->out_sent < session->out.size()) return send_rest(*session, false);
  make_spare(session->out);
  step(*session);
}

// What comes after a step: ending, or receiving more.
void Front::rest(Session& session) {
  if (session.closing) return;
  if (session.leaves_for) return leave_when_quiet(session);
  const bool nothing_to_send = !session.sending && !has_output(session);
  tls::Stream* const tls = session.tls != nullptr ? session.tls->stream.get() : nullptr;
  if (session.finishing) {
    drop_input(session);
    if (!nothing_to_send) return;
    if (tls != nullptr && tls->writable()) {
      tls->close();
      return flush(session);
    }
    say_end_of_tls(session);
    if (session.peer_done || session.has_quit) return begin_close(session);
    if (!session.lingering) {
      // Closing with unread input would reset the connection and could destroy our last reply, so:
      // say that we are done, and wait a moment for the peer to be done too.
      session.lingering = true;
      loop_.kernel().shut_down_writes(session.fd);
      arm_timer(session, loop_.now() + kLinger);
    }
  } else if (session.peer_done) {
    // Nobody is there any more to be paced.
    if (session.held() && session.input.empty() && session.server.needs_input()) {
      release(session);
      return step(session);
    }
    if (session.auth_gone != nullptr) *session.auth_gone = true;
    const bool waits = session.server.awaits_answer() || session.waits() ||
                       session.handshake_is_away() || session.interrupted;
    if (waits || !session.input.empty() || !nothing_to_send) return;
    const bool ended_by_peer = session.tls != nullptr && session.tls->peer_ended;
    if (tls != nullptr && tls->writable() &&
        (ended_by_peer || tls->state() == tls::Stream::State::kPeerEnded)) {
      tls->close();
      return flush(session);
    }
    if (ended_by_peer) say_end_of_tls(session);
    return begin_close(session);
  }
  const bool may_receive = !session.parked && !session.receiving && !session.peer_done;
  if (may_receive && session.input.size() < kInputMax && settle_records(session))
    arm_receive(session);
}

void Front::drop_input(Session& session) {
  for (const Lent lent : session.input) buffers_->give_back(lent.buffer);
  session.input.clear();
  std::string().swap(session.carried);
  session.fed = false;
  if (session.tls != nullptr) session.tls->fed = false;
}

void Front::begin_close(Session& session) {
  if (session.closing) return;
  drop_message(session);
  if (session.auth_gone != nullptr) *session.auth_gone = true;
  if (session.handshake_is_away()) session.tls->away->abandoned = true;
  session.closing = true;
  if (session.receiving || session.sending) loop_.cancel_all(session.fd);
  drop_input(session);
  close_when_quiet(session);
}

void Front::close_when_quiet(Session& session) {
  ASSERT(session.closing);
  if (session.receiving || session.sending || session.handshake_is_away()) return;
  loop_.close(session.fd, {ring::Operation::kSessionClose, sessions_.handle_of(&session)});
}

}  // namespace relais::front
