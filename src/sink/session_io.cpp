// Octets of a session: receive, feed, act, send; and how it closes.
#include "base/assert.h"
#include "sink/sink.h"

namespace relais::sink {
namespace {

constexpr size_t kInputMax = 2;           // buffers that may wait in a session
constexpr size_t kOutputMax = 32 * 1024;  // replies that may pile up for one that does not read

}  // namespace

void Sink::arm_receive(Session& session) {
  ASSERT(!session.receiving);
  session.receiving = true;
  loop_->receive(session.fd, *buffers_,
                 {ring::Operation::kSessionReceive, sessions_->handle_of(&session)});
}

void Sink::on_receive(const ring::Completion& completion) {
  Session* session = sessions_->get(completion.token.handle);
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
  } else if (completion.has_buffer) {
    buffers_->give_back(completion.buffer);
  }
  if (completion.result == 0) session->peer_done = true;
  if (!completion.ok()) {
    const Error error = completion.error();
    if (error == Error::kNoBuffers && !session->closing) {
      session->parked = true;
      buffers_->park(completion.token);
    } else if (error != Error::kCanceled && error != Error::kNoBuffers) {
      session->peer_done = true;
    }
  }
  if (session->closing) {
    drop_input(*session);
    return close_when_quiet(*session);
  }
  step(*session);
}

void Sink::step(Session& session) {
  run(session);
  flush(session);
  rest(session);
}

// Feeds and acts until there is no more input, or the session has to wait.
void Sink::run(Session& session) {
  while (!session.closing && !session.finishing && session.held == Session::Held::kNothing) {
    if (session.server.output().size() > kOutputMax) flush(session);
    const bool is_behind = session.tarpit.ns > 0 ? has_output(session) || session.sending
                                                 : session.server.output().size() > kOutputMax;
    if (is_behind) return;
    const smtp::Event event = session.server.next();
    if (event.kind == smtp::Event::Kind::kNeedInput) {
      if (draining_ && session.server.idle() && session.input.size() == (session.fed ? 1U : 0U)) {
        session.server.shut(smtp::replies::kShuttingDown);
        continue;
      }
      if (!(session.tls != nullptr ? feed_plaintext(session) : feed(session))) return;
      continue;
    }
    if (event.kind == smtp::Event::Kind::kClose) {
      session.finishing = true;
      return;
    }
    act(session, event);
  }
}

// What the oldest receive buffer holds.
std::span<const char> Sink::front_of(const Session& session) const {
  const Lent& lent = session.input.front();
  return buffers_->bytes(lent.buffer, lent.octets);
}

void Sink::take_back(Session& session) {
  buffers_->give_back(session.input.front().buffer);
  session.input.erase(session.input.begin());
  session.fed = session.read_paid = false;
}

// The next buffer to the server. False: there is none, or not yet.
bool Sink::feed(Session& session) {
  if (session.fed) take_back(session);
  if (session.input.empty()) return false;
  if (options().read_pause.ns > 0 && !session.read_paid) {
    hold(session, Session::Held::kReading, options().read_pause);
    return false;
  }
  session.fed = true;
  session.server.feed(front_of(session));
  return true;
}

bool Sink::has_output(const Session& session) {
  if (!session.server.output().empty() || session.out_sent < session.out.size()) return true;
  return session.tls != nullptr &&
         !(session.tls->plain.empty() && session.tls->stream.output().empty());
}

// Into session.out what may go now. False: nothing.
bool Sink::take_output(Session& session) {
  session.out.clear();
  session.out_sent = 0;
  if (session.tls == nullptr) {
    std::swap(session.out, session.server.output_buffer());
  } else if (!session.tls->plain.empty()) {
    std::swap(session.out, session.tls->plain);
  } else {
    encrypt(session);
  }
  return !session.out.empty();
}

void Sink::flush(Session& session) {
  if (session.sending || session.closing || !session.drip_timer.is_null()) return;
  if (session.out_sent == session.out.size() && !take_output(session)) return;
  send_rest(session);
}

void Sink::send_rest(Session& session) {
  session.sending = true;
  auto left = std::span<const char>(session.out).subspan(session.out_sent);
  if (session.tarpit.ns > 0) left = left.first(1);
  loop_->send(session.fd, left, {ring::Operation::kSessionSend, sessions_->handle_of(&session)});
}

void Sink::on_send(const ring::Completion& completion) {
  Session* session = sessions_->get(completion.token.handle);
  ASSERT(session != nullptr);  // a slot is retired only after its send has ended
  session->sending = false;
  if (session->closing) return close_when_quiet(*session);
  if (!completion.ok()) {
    session->peer_done = true;
    return begin_close(*session);
  }
  session->out_sent += static_cast<size_t>(completion.result);
  if (session->tarpit.ns > 0 && has_output(*session)) {
    session->drip_timer =
        loop_->arm_timer(loop_->now() + session->tarpit,
                         {ring::Operation::kDripTimer, sessions_->handle_of(session)});
    return;
  }
  step(*session);
}

// What comes after a step: ending, or receiving more.
void Sink::rest(Session& session) {
  if (session.closing) return;
  const bool nothing_to_send = !session.sending && !has_output(session);
  if (session.finishing) {
    drop_input(session);
    if (!nothing_to_send) return;
    if (session.tls != nullptr && session.tls->stream.writable()) {
      session.tls->stream.close();
      return flush(session);
    }
    return begin_close(session);
  }
  const bool waits = session.held != Session::Held::kNothing;
  if (session.peer_done) {
    if (!waits && session.input.empty() && nothing_to_send) begin_close(session);
    return;
  }
  if (!session.parked && !session.receiving && session.input.size() < kInputMax)
    arm_receive(session);
}

void Sink::drop_input(Session& session) {
  for (const Lent lent : session.input) buffers_->give_back(lent.buffer);
  session.input.clear();
  session.fed = false;
}

void Sink::begin_close(Session& session) {
  if (session.closing) return;
  session.closing = true;
  // It has come whole, and nobody will hear what became of it.
  if (session.held == Session::Held::kEnd) note(session, ledger::Fate::kUnknown, 0);
  if (session.receiving || session.sending) loop_->cancel_all(session.fd);
  drop_input(session);
  close_when_quiet(session);
}

void Sink::close_when_quiet(Session& session) {
  ASSERT(session.closing);
  if (session.receiving || session.sending) return;
  loop_->close(session.fd, {ring::Operation::kSessionClose, sessions_->handle_of(&session)});
}

}  // namespace relais::sink
