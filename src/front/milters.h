// One core's connections to milters: a pool for each milter, over the ring. A session borrows a
// connection for the length of one message (MAIL to the end of data), so a few connections serve
// many idle sessions, and each carries many messages.
//
//   Handle talk = milters.begin(name, request);          asks about MAIL
//   milters.recipient(talk, ...); data(); content(); end(); each but content() asks
//   while (milters.next_event(event)) ...                answers, always as events, never at once
//   milters.release(talk);                               when the message is over, however
//
// A milter that cannot be used is left alone for a growing time; what is asked meanwhile fails at
// once. Each failure is an event with the reason: what becomes of the mail is the caller's business
// (milter_default_action). Limits: kLinksMax connections a milter and core, the rest waits for the
// length of the time-out; above kBacklogMax octets that wait for one milter its session is told to
// pause.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/slab.h"
#include "front/milter_link.h"
#include "front/observer.h"
#include "ring/loop.h"

namespace relais::front {

struct MilterEvent {
  enum class Kind : uint8_t {
    kAnswer,  // `verdict`
    kFailed,  // the question gets no answer: `text` says why
    kRoom,    // full() is over
  };
  Kind kind = Kind::kAnswer;
  Handle session;
  Handle talk;
  milter::Verdict verdict{};  // its text is `text`
  std::string text;
};

class Milters {
 public:
  static constexpr uint32_t kLinksMax = 256;
  static constexpr size_t kBacklogMax = 256 * 1024;

  Milters(ring::Loop& loop, Observer& observer, uint32_t sessions_max);
  ~Milters();
  Milters(const Milters&) = delete;
  Milters& operator=(const Milters&) = delete;

  // `name`: "inet:ADDRESS:PORT" or "unix:/PATH".
  [[nodiscard]] Handle begin(std::string_view name, MilterRequest request);
  void recipient(Handle talk, std::string_view address);
  void data(Handle talk);
  void content(Handle talk, std::string_view wire);
  void end(Handle talk);
  void release(Handle talk);
  // Too much waits to be sent: give no more content before kRoom.
  [[nodiscard]] bool full(Handle talk);

  [[nodiscard]] bool next_event(MilterEvent& event);
  void on_completion(const ring::Completion& completion);
  // Sends what this turn has queued.
  void flush();
  // Connections close when they are idle.
  void drain();
  [[nodiscard]] bool at_rest() const { return links_.size() == 0; }
  [[nodiscard]] uint32_t link_count() const { return links_.size(); }

 private:
  struct Pool {
    std::string name;
    std::vector<Handle> links;
    std::vector<Handle> idle;    // the last one was used last
    std::deque<Handle> waiting;  // talks; those that are gone are passed over
    uint32_t connecting = 0;
    uint32_t failures = 0;          // in a row
    Instant retry_at;               // not before; 0: usable
    std::string trouble;            // the last failure
    bool one_session_each = false;  // it does not live through SMFIC_QUIT_NC
  };

  // milters.cpp: pools and talks
  uint32_t pool_of(std::string_view name);
  void place(MilterTalk& talk, bool fresh);
  [[nodiscard]] MilterLink* find_idle(Pool& pool, const MilterTalk& talk);
  [[nodiscard]] bool can_serve(const MilterLink& link, const MilterTalk& talk);
  void assign(MilterLink& link, MilterTalk& talk);
  void ask(MilterTalk& talk);
  MilterLink* link_of(MilterTalk& talk);
  void fail(MilterTalk& talk, std::string_view why);
  [[nodiscard]] static Duration patience_with(const MilterTalk& talk);
  void expect(MilterTalk& talk, Duration patience);
  void on_talk_timer(MilterTalk& talk);
  void check_room(MilterTalk& talk, MilterLink& link);
  void push(const MilterTalk& talk, MilterEvent::Kind kind, const milter::Verdict& verdict,
            std::string_view text);
  void mark_down(Pool& pool, std::string_view why);
  void mark_up(Pool& pool);

  // milter_io.cpp: one connection
  [[nodiscard]] bool connect(uint32_t pool, MilterTalk& talk);
  void on_connect(MilterLink& link, const ring::Completion& completion);
  void on_receive(MilterLink& link, const ring::Completion& completion);
  void on_send(MilterLink& link, const ring::Completion& completion);
  void on_link_timer(MilterLink& link);
  void hear(MilterLink& link);
  void mark_dirty(MilterLink& link);
  void send(MilterLink& link);
  void rest(MilterLink& link);
  void quit(MilterLink& link);
  void lose(MilterLink& link, std::string_view why);
  void begin_close(MilterLink& link);
  void close_when_quiet(MilterLink& link);
  void retire(MilterLink& link);
  void arm_receive(MilterLink& link);
  [[nodiscard]] ring::Token token(ring::Operation operation, const MilterLink& link) const;

  ring::Loop& loop_;
  Observer& observer_;
  ring::BufferGroup* buffers_ = nullptr;  // made when the first milter is asked
  Slab<MilterTalk> talks_;
  Slab<MilterLink> links_;
  std::vector<Pool> pools_;
  std::vector<Handle> dirty_;
  std::deque<MilterEvent> events_;
  bool draining_ = false;
};

}  // namespace relais::front
