// One thread of relais-sink: listeners and sessions on an io_uring of its own. Takes every message,
// looks for its mark, sums up its body, keeps nothing; and misbehaves as `Options::behaviour` says.
// Protocol errors are answered as the relay's own server answers them. Limits: `sessions_max` of
// all threads together (421 beyond); receive buffers are shared by the sessions of a thread, and
// who finds none waits.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/prng.h"
#include "base/slab.h"
#include "ledger/file.h"
#include "ring/loop.h"
#include "ring/mailbox.h"
#include "sink/figures.h"
#include "sink/options.h"
#include "sink/seen.h"
#include "sink/session.h"
#include "tls/server_context.h"

namespace relais::sink {

// What all threads share.
struct Shared {
  Options options;
  std::shared_ptr<const tls::ServerContext> tls;  // null: none
  Seen seen;
  std::atomic<uint64_t> messages = 0;
  std::atomic<uint32_t> open = 0;
  std::atomic<bool> failed = false;  // the ledger could not be written
  Error failure = Error::kOther;  // why; set by the thread that set `failed`, read when all ended
  void (*wake_main)() = nullptr;  // `count` messages have come, or it failed
};

struct Listener {
  Endpoint endpoint;
  int fd = -1;  // -1: closed
};

class Sink {
 public:
  // `ledger` may be empty; listeners become the Sink's.
  static Result<std::unique_ptr<Sink>> create(ring::Kernel& kernel, Shared& shared, uint32_t index,
                                              std::vector<Listener> listeners,
                                              std::optional<ledger::File> ledger);
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // One turn; false: it has drained.
  bool turn();
  // Any thread: no new sessions, 421 to idle ones, the others may finish for kDrainTime.
  void drain() { mailbox_->post({.kind = ring::Letter::Kind::kDrain}); }
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  Sink(Shared& shared, uint32_t index) : shared_(shared), prng_(shared.options.seed + index) {}

  // sink.cpp
  void dispatch(const ring::Completion& completion);
  void arm_accept(uint32_t listener);
  void on_accept(const ring::Completion& completion);
  void open(int fd);
  void retire(Session& session);
  void on_letters();
  void begin_drain();
  void begin_refusing();
  void end_refusing();
  void close_listeners();
  void on_ledger(const Result<void>& written);
  [[nodiscard]] const Options& options() const { return shared_.options; }

  // session_io.cpp
  void arm_receive(Session& session);
  void on_receive(const ring::Completion& completion);
  void on_send(const ring::Completion& completion);
  void step(Session& session);
  void run(Session& session);
  bool feed(Session& session);
  [[nodiscard]] std::span<const char> front_of(const Session& session) const;
  void take_back(Session& session);
  void flush(Session& session);
  void send_rest(Session& session);
  bool take_output(Session& session);
  void rest(Session& session);
  void drop_input(Session& session);
  void begin_close(Session& session);
  void close_when_quiet(Session& session);
  static bool has_output(const Session& session);

  // session_act.cpp
  void begin_dialogue(Session& session);
  void act(Session& session, const smtp::Event& event);
  void on_command(Session& session, const smtp::Event& event);
  void on_recipient(Session& session, const smtp::Event& event);
  void on_body(Session& session, std::string_view bytes);
  void on_data_end(Session& session);
  void end_message(Session& session);
  void count(Session& session);
  void note(Session& session, ledger::Fate fate, uint16_t code);
  void answer(Session& session, const smtp::Reply& yes);
  void hold(Session& session, Session::Held why, Duration time);
  void on_held_long_enough(Session& session);
  void cut(Session& session);

  // session_tls.cpp
  void begin_tls(Session& session);
  bool feed_plaintext(Session& session);
  void encrypt(Session& session);

  Shared& shared_;
  Prng prng_;
  std::unique_ptr<ring::Loop> loop_;
  std::unique_ptr<ring::Mailbox> mailbox_;
  ring::BufferGroup* buffers_ = nullptr;
  std::optional<ledger::File> ledger_;
  bool ledger_timer_ = false;
  std::unique_ptr<Slab<Session>> sessions_;
  std::vector<Listener> listeners_;
  std::string unstuffed_;
  Figures figures_;
  bool draining_ = false;
  bool refusing_ = false;
  bool time_is_up_ = false;
};

}  // namespace relais::sink
