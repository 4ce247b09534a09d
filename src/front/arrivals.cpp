// Connections that owe a PROXY header: receive until it is complete, then begin the session as the
// client that it names.
#include <algorithm>

#include "base/assert.h"
#include "front/front.h"

namespace relais::front {

// True: it is waited for.
bool Front::await_header(int fd, const Endpoint& local, const Endpoint& peer,
                         const policy::AddressSet& proxies, Duration wait) {
  Arrival* arrival = nullptr;
  std::string_view problem = "not one of trusted_proxies";
  if (policy::contains(proxies, peer.address)) {
    problem = "max_sessions of this core is reached";
    if (!is_full()) arrival = arrivals_.acquire(fd, local, peer, loop_.now(), wait);
  }
  if (arrival == nullptr) {
    observer_.on_turned_away(client_at_connect(local, peer, {}), problem);
    loop_.kernel().close(fd);
    return false;
  }
  arrival->timer = loop_.arm_timer(loop_.now() + kHeaderTimeout,
                                   {ring::Operation::kArrivalTimer, arrivals_.handle_of(arrival)});
  arm_receive(*arrival);
  return true;
}

void Front::arm_receive(Arrival& arrival) {
  ASSERT(!arrival.receiving);
  arrival.receiving = true;
  loop_.receive(arrival.fd, *buffers_,
                {ring::Operation::kArrivalReceive, arrivals_.handle_of(&arrival)});
}

void Front::on_arrival_receive(const ring::Completion& completion) {
  Arrival* arrival = arrivals_.get(completion.token.handle);
  if (arrival == nullptr) {
    ASSERT(!completion.has_buffer);  // a slot is retired only after its receive has ended
    return;
  }
  if (completion.unparked) {
    arrival->parked = false;
    if (!arrival->closing) arm_receive(*arrival);
    return;
  }
  arrival->receiving = false;
  if (completion.has_buffer) {
    take_header(*arrival,
                {completion.buffer, static_cast<uint32_t>(std::max(completion.result, 0))});
  }
  if (completion.result == 0) arrival->peer_done = true;
  if (!completion.ok() && completion.error() == Error::kNoBuffers) {
    arrival->parked =
        !arrival->closing && arrival->header.state() == smtp::ProxyHeader::State::kNeedsMore;
    if (arrival->parked) park(completion.token);
  } else if (!completion.ok() && completion.error() != Error::kCanceled) {
    arrival->peer_done = true;
  }
  go_on(*arrival);
}

void Front::take_header(Arrival& arrival, Lent lent) {
  const auto bytes = buffers_->bytes(lent.buffer, lent.octets);
  std::string_view left(bytes.data(), bytes.size());
  if (!arrival.closing) arrival.header.take(left);
  lent.begin = lent.octets - static_cast<uint32_t>(left.size());
  const bool is_smtp =
      !arrival.closing && arrival.header.state() == smtp::ProxyHeader::State::kComplete;
  if (is_smtp && !left.empty()) {
    arrival.input.push_back(lent);
  } else {
    buffers_->give_back(lent.buffer);
  }
}

void Front::go_on(Arrival& arrival) {
  using State = smtp::ProxyHeader::State;
  if (arrival.closing) return close_when_quiet(arrival);
  switch (arrival.header.state()) {
    case State::kBad:
      scratch_.assign("bad PROXY header: ").append(arrival.header.problem());
      return turn_away(arrival, scratch_);
    case State::kNeedsMore:
      if (arrival.peer_done) {
        // Whoever only looks whether somebody listens says nothing.
        return arrival.header.empty() ? begin_close(arrival)
                                      : turn_away(arrival, "the PROXY header was cut off");
      }
      if (!arrival.receiving && !arrival.parked) arm_receive(arrival);
      return;
    case State::kComplete:
      return become_session(arrival);
  }
}

void Front::become_session(Arrival& arrival) {
  ASSERT(!arrival.receiving && !arrival.parked);
  // A balancer that speaks for itself says LOCAL, or that the connection is the very one it is on.
  const bool is_own = arrival.header.is_local() || arrival.header.source() == arrival.peer;
  Connection connection{.fd = arrival.fd,
                        .local = arrival.local,
                        .remote = is_own ? arrival.peer : arrival.header.source(),
                        .via = is_own ? Endpoint{} : arrival.peer,
                        .wait = arrival.accepted + arrival.wait - loop_.now(),
                        .is_probe = is_own,
                        .input = std::move(arrival.input),
                        .peer_done = arrival.peer_done};
  loop_.cancel_timer(arrival.timer);
  arrivals_.release(&arrival);
  if (begin(connection)) return;
  for (const Lent lent : connection.input) buffers_->give_back(lent.buffer);
  my_load().fetch_sub(1, std::memory_order_relaxed);
}

void Front::on_header_timeout(Arrival& arrival) {
  arrival.timer = {};
  // Complete, and its receive about to end.
  if (arrival.closing || arrival.header.state() == smtp::ProxyHeader::State::kComplete) return;
  turn_away(arrival, arrival.header.empty() ? "no PROXY header came in time"
                                            : "the PROXY header did not come in time");
}

void Front::turn_away(Arrival& arrival, std::string_view reason) {
  observer_.on_turned_away(client_at_connect(arrival.local, arrival.peer, {}), reason);
  begin_close(arrival);
}

void Front::begin_close(Arrival& arrival) {
  if (arrival.closing) return;
  arrival.closing = true;
  for (const Lent lent : arrival.input) buffers_->give_back(lent.buffer);
  arrival.input.clear();
  if (arrival.receiving) loop_.cancel_all(arrival.fd);
  close_when_quiet(arrival);
}

void Front::close_when_quiet(Arrival& arrival) {
  ASSERT(arrival.closing);
  if (arrival.receiving) return;
  loop_.close(arrival.fd, {ring::Operation::kArrivalClose, arrivals_.handle_of(&arrival)});
}

void Front::retire(Arrival& arrival) {
  ASSERT(!arrival.receiving && arrival.input.empty());
  loop_.cancel_timer(arrival.timer);
  arrivals_.release(&arrival);
  my_load().fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace relais::front
