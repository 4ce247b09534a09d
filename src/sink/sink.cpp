// Listeners, the beginning and the end of sessions, refusing and draining; and what is done when.
#include "sink/sink.h"

#include <algorithm>

#include "base/assert.h"

namespace relais::sink {
namespace {

// Few enough for the cache: what lies there is read once, soon.
constexpr uint32_t kBuffers = 256;
constexpr uint32_t kBufferOctets = 16'384;
constexpr Duration kAcceptPause = milliseconds(100);
constexpr Duration kDrainTime = seconds(2);
constexpr Duration kLedgerTime = milliseconds(500);  // a line waits no longer for its write

constexpr Handle kRefuseBegins{0, 0};
constexpr Handle kRefuseEnds{1, 0};

}  // namespace

Result<std::unique_ptr<Sink>> Sink::create(ring::Kernel& kernel, Shared& shared, uint32_t index,
                                           std::vector<Listener> listeners,
                                           std::optional<ledger::File> ledger) {
  std::unique_ptr<Sink> sink(new Sink(shared, index));
  sink->listeners_ = std::move(listeners);
  if (ledger) sink->ledger_.emplace(std::move(*ledger));
  auto loop = ring::Loop::create(kernel);
  if (!loop) return std::unexpected(loop.error());
  sink->loop_ = std::move(*loop);
  auto mailbox = ring::Mailbox::create(kernel);
  if (!mailbox) return std::unexpected(mailbox.error());
  sink->mailbox_ = std::move(*mailbox);
  const auto buffers = sink->loop_->add_buffers(kBuffers, kBufferOctets);
  if (!buffers) return std::unexpected(buffers.error());
  sink->buffers_ = *buffers;
  sink->sessions_ = std::make_unique<Slab<Session>>(shared.options.sessions_max);

  sink->mailbox_->arm(*sink->loop_);
  for (uint32_t i = 0; i < sink->listeners_.size(); ++i) sink->arm_accept(i);
  if (shared.options.refuse_for.ns > 0) {
    [[maybe_unused]] const auto timer =
        sink->loop_->arm_timer(sink->loop_->now() + shared.options.refuse_after,
                               {ring::Operation::kRefuseTimer, kRefuseBegins});
    if (shared.options.refuse_after.ns == 0) sink->begin_refusing();
  }
  return sink;
}

Sink::~Sink() {
  if (loop_ == nullptr) return;
  for (const Listener& listener : listeners_) {
    if (listener.fd >= 0) loop_->kernel().close(listener.fd);
  }
  if (sessions_ != nullptr)
    sessions_->for_each([this](Session& session) { loop_->kernel().close(session.fd); });
}

bool Sink::turn() {
  for (const ring::Completion& completion : loop_->turn()) dispatch(completion);
  return !draining_ || (sessions_->size() > 0 && !time_is_up_);
}

void Sink::dispatch(const ring::Completion& completion) {
  const Handle handle = completion.token.handle;
  switch (completion.token.operation) {
    case ring::Operation::kWake:
      return on_letters();
    case ring::Operation::kAccept:
      return on_accept(completion);
    case ring::Operation::kAcceptRetry:
      if (listeners_[handle.slot].fd >= 0) arm_accept(handle.slot);
      return;
    case ring::Operation::kSessionReceive:
      return on_receive(completion);
    case ring::Operation::kSessionSend:
      return on_send(completion);
    case ring::Operation::kSessionClose:
      if (Session* session = sessions_->get(handle)) retire(*session);
      return;
    case ring::Operation::kSessionTimer:
      if (Session* session = sessions_->get(handle)) on_held_long_enough(*session);
      return;
    case ring::Operation::kDripTimer:
      if (Session* session = sessions_->get(handle)) {
        session->drip_timer = {};
        flush(*session);
      }
      return;
    case ring::Operation::kLogTimer:
      ledger_timer_ = false;
      return on_ledger(ledger_->flush());
    case ring::Operation::kRefuseTimer:
      return handle == kRefuseBegins ? begin_refusing() : end_refusing();
    case ring::Operation::kDrainTimer:
      time_is_up_ = true;
      return;
    default:
      ASSERT(false);
  }
}

void Sink::arm_accept(uint32_t listener) {
  loop_->accept_multishot(listeners_[listener].fd, {ring::Operation::kAccept, {listener, 0}});
}

void Sink::on_accept(const ring::Completion& completion) {
  const uint32_t index = completion.token.handle.slot;
  if (completion.ok()) open(completion.result);
  if (completion.more || listeners_[index].fd < 0) return;
  if (completion.ok()) return arm_accept(index);
  // No descriptors or no memory: a pause. It is also what a connection ends with that was reset
  // before we saw it.
  [[maybe_unused]] const auto timer =
      loop_->arm_timer(loop_->now() + kAcceptPause, {ring::Operation::kAcceptRetry, {index, 0}});
}

void Sink::open(int fd) {
  auto& kernel = loop_->kernel();
  if (refusing_) {
    figures_.turned_away.add(1);
    kernel.reset_on_close(fd);
    return kernel.close(fd);
  }
  if (draining_ || shared_.open.load(std::memory_order_relaxed) >= options().sessions_max) {
    figures_.turned_away.add(1);
    return kernel.say_and_close(
        fd, draining_ ? "421 4.3.2 Service not active\r\n" : "421 4.3.2 Too many sessions\r\n");
  }
  const auto remote = kernel.remote_endpoint(fd);
  if (!remote) return kernel.close(fd);  // gone before we looked
  Session* session = sessions_->acquire(fd, options().server, remote->address.to_string());
  ASSERT(session != nullptr);
  shared_.open.fetch_add(1, std::memory_order_relaxed);
  figures_.sessions.add(1);
  if (figures_.first_ns.load(std::memory_order_relaxed) == 0)
    figures_.first_ns.store(loop_->now().ns, std::memory_order_relaxed);

  const Behaviour& behaviour = options().behaviour;
  session->tarpit = behaviour.draw_tarpit(prng_);
  session->server.ask_before_commands(behaviour.has_rules_for_verbs());
  session->act = behaviour.act_at(Place::kConnect, prng_);
  if (session->act.delay.ns > 0) {
    hold(*session, Session::Held::kBanner, session->act.delay);
  } else {
    begin_dialogue(*session);
  }
  step(*session);
}

// The descriptor is closed and nothing of the session is under way any more.
void Sink::retire(Session& session) {
  ASSERT(!session.receiving && !session.sending && session.input.empty());
  loop_->cancel_timer(session.hold_timer);
  loop_->cancel_timer(session.drip_timer);
  sessions_->release(&session);
  shared_.open.fetch_sub(1, std::memory_order_relaxed);
  figures_.ended.add(1);
}

void Sink::on_letters() {
  for (const ring::Letter& letter : mailbox_->take()) {
    if (letter.kind == ring::Letter::Kind::kDrain) begin_drain();
  }
  mailbox_->arm(*loop_);
}

void Sink::begin_drain() {
  if (draining_) return;
  draining_ = true;
  close_listeners();
  [[maybe_unused]] const auto timer =
      loop_->arm_timer(loop_->now() + kDrainTime, {ring::Operation::kDrainTimer, {}});
  sessions_->for_each([this](Session& session) {
    if (!session.closing) step(session);
  });
}

void Sink::close_listeners() {
  for (Listener& listener : listeners_) {
    if (listener.fd < 0) continue;
    loop_->cancel_all(listener.fd);
    loop_->close(listener.fd, {});
    listener.fd = -1;
  }
}

// As if the server had died: nobody listens, or every connection is reset.
void Sink::begin_refusing() {
  if (draining_ || refusing_) return;
  refusing_ = true;
  if (!options().refuse_by_reset) close_listeners();
  sessions_->for_each([this](Session& session) {
    loop_->kernel().reset_on_close(session.fd);
    begin_close(session);
  });
  [[maybe_unused]] const auto timer = loop_->arm_timer(
      loop_->now() + options().refuse_for, {ring::Operation::kRefuseTimer, kRefuseEnds});
}

void Sink::end_refusing() {
  refusing_ = false;
  if (draining_) return;
  for (uint32_t i = 0; i < listeners_.size(); ++i) {
    Listener& listener = listeners_[i];
    if (listener.fd >= 0) continue;
    const auto fd = loop_->kernel().listen(listener.endpoint);
    if (!fd) {
      // Somebody else has the port now, or the old listener is not gone yet.
      [[maybe_unused]] const auto timer = loop_->arm_timer(
          loop_->now() + kAcceptPause, {ring::Operation::kRefuseTimer, kRefuseEnds});
      return;
    }
    listener.fd = *fd;
    arm_accept(i);
  }
}

// Behind each line, and each write.
void Sink::on_ledger(const Result<void>& written) {
  if (!written && !shared_.failed.exchange(true)) {
    shared_.failure = written.error();
    shared_.wake_main();
  }
  if (ledger_timer_ || ledger_->buffer().empty()) return;
  ledger_timer_ = true;
  [[maybe_unused]] const auto timer =
      loop_->arm_timer(loop_->now() + kLedgerTime, {ring::Operation::kLogTimer, {}});
}

}  // namespace relais::sink
