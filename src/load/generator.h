// The generator: one thread, one ring, N seats. A seat holds one connection at a time and opens the
// next when that has ended. In a closed loop each connection begins its next message as soon as it
// can; in an open loop messages are due by the clock (load/rate.h), wait in order for a connection
// that is free, and their latency counts from when they were due.
//
// Times are those of the loop's turns: asked at the beginning of the turn that queues the send,
// answered at the end of the wait that brought the reply. So what the generator itself takes is
// part of a latency, and never hidden from it.
//
// The same small loop as everywhere: receive, feed, act, send. A target that cannot be reached is
// left alone for a growing time; when no target was ever of use the run ends, and problem() says
// why.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/slab.h"
#include "load/connection.h"
#include "load/plan.h"
#include "load/tally.h"
#include "ring/loop.h"

namespace relais::load {

// What became of a message.
struct Verdict {
  Fate fate;
  bool uncertain = false;                       // lost, and the server may have all of it
  uint16_t code = 0;                            // of the reply; 0: none
  std::span<const RefusedRecipient> refused{};  // accepted, but not for these
};

// Is shown the run twice a second, and each message as it is decided.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void look(const Tally& tally, Instant now, uint32_t connections) = 0;
  // Once, when the warm-up is over.
  virtual void counting_begins() = 0;
  virtual void decided(const Message& message, const Verdict& verdict) = 0;
};

class Generator {
 public:
  // `stop`: set by a signal: 1 ends what is under way and begins nothing, 2 ends at once.
  Generator(ring::Loop& loop, ring::BufferGroup& buffers, const Plan& plan, Watcher& watcher,
            const std::atomic<int>& stop);
  ~Generator();

  void run();
  [[nodiscard]] const Tally& tally() const { return tally_; }
  // Why the run ended early; empty: it did not.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] Duration counted_time() const;

 private:
  struct TargetState {
    tls::Session tickets;
    uint32_t failures = 0;  // in a row
    bool was_ready = false;
    bool is_hopeless = false;  // it failed for good before it was ever of use
  };

  // generator.cpp: what is to be done, and when
  void dispatch(const ring::Completion& completion);
  void look_at_clock();
  void begin_counting();
  void release_due();
  void heed(int stop);
  void abandon_due();
  void end_now();
  void sweep();
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] bool all_given() const;
  [[nodiscard]] bool take_message(Instant& due);
  void give_work(Connection& connection);
  void begin_message(Connection& connection, Instant due);
  void decide(Connection& connection, const Verdict& verdict);
  void send_home();
  void open_seats();
  void unreachable(Connection& connection, std::string_view why, bool for_good);
  void leave_seat(const Connection& connection);

  // generator_io.cpp: one connection
  [[nodiscard]] bool open();
  [[nodiscard]] ring::Token token(ring::Operation operation, const Connection& connection) const;
  void arm_receive(Connection& connection);
  void on_connect(Connection& connection, const ring::Completion& completion);
  void on_receive(Connection& connection, const ring::Completion& completion);
  void read_replies(Connection& connection);
  [[nodiscard]] bool act(Connection& connection, const Event& event);
  void on_ready(Connection& connection);
  void begin_tls(Connection& connection);
  void read_tls(Connection& connection, std::span<const char> ciphertext);
  void encrypt(Connection& connection);
  void send_more(Connection& connection);
  void add_content(Connection& connection);
  void issue_send(Connection& connection);
  void on_send(Connection& connection, const ring::Completion& completion);
  void fail(Connection& connection, Step step, std::string_view why);
  // `code`: the reply with which the server gave the oldest message up; 0: none.
  void begin_close(Connection& connection, uint16_t code);
  void close_when_quiet(Connection& connection);
  void retire(Connection& connection);

  ring::Loop& loop_;
  ring::BufferGroup& buffers_;
  const Plan& plan_;
  Watcher& watcher_;
  const std::atomic<int>& stop_;
  Tally tally_;
  Prng random_;
  Slab<Connection> connections_;
  std::vector<TargetState> targets_;
  std::deque<Handle> idle_;  // open loop: ready, with nothing to do; the first is taken first
  std::vector<uint32_t> free_seats_;
  uint32_t connecting_ = 0;            // connections that are not ready yet
  uint32_t resting_ = 0;               // seats that wait behind a failure
  uint64_t opened_ = 0;                // connections so far
  uint64_t begun_ = 0;                 // messages so far
  uint64_t released_ = 0;              // open loop: messages that are due
  uint64_t first_never_ = UINT64_MAX;  // the number of the first message that is not wanted
  Instant start_{};
  Instant end_{};       // nothing becomes due from then on
  Instant finished_{};  // of what is counted
  Instant last_progress_{};
  Instant next_look_{};
  Instant all_due_at_{};  // open loop: nothing new became due from then on; zero: it does
  Instant give_up_at_{};  // zero: nobody has asked for the end
  bool counting_ = false;
  bool stopping_ = false;        // nothing new becomes due
  bool begins_no_more_ = false;  // and what is due is not begun
  bool hopeless_ = false;        // problem_ says why
  bool ended_ = false;           // what is under way is given up
  std::string last_obstacle_;
  std::string problem_;
  std::string plaintext_;
  std::string to_encrypt_;
};

}  // namespace relais::load
