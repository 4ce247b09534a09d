// One core's connections to upstreams, over the ring: for cut-through proxying. A session borrows a
// connection for the length of one message, from MAIL to the end of data, and gives it content as
// it comes; a connection carries many messages, of many sessions.
//
//   Handle talk = upstreams.begin(target, session, mail);    asks for a connection
//   upstreams.recipient(talk, ...); data(); content(); end();    each but content() asks
//   while (upstreams.next_event(event)) ...              answers, always as events, never at once
//   upstreams.release(talk);                             when the message is over, however
//
// One host is chosen for a message (balancer.h). Until a host has answered something about it, and
// before its content, another one is tried when the first cannot be talked to; a connection that
// was used before and turns out to be gone costs nobody anything. A message that is given up in the
// middle of its content costs its connection, because nothing else makes sure that no half of it is
// delivered. A host that fails is left alone for a growing time (an event of the observer), and a
// connection of ours finds out whether that is over.
//
// Nothing that an upstream says is believed beyond its place: what breaks the protocol costs it the
// connection, and the message on it is not taken, even if a 250 stood in front of the nonsense or
// came before all of the content had left.
//
// A connection that names a client, in a PROXY header or with XCLIENT, is that client's, and no
// other client's mail goes over it. Who cannot be told whose mail it is gets none.
//
// Limits: Target::connections_max; who finds none free waits kPlacePatience. Above kBacklogMax
// octets that wait for one upstream its owner is told to pause.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/slab.h"
#include "ring/loop.h"
#include "upstream/balancer.h"
#include "upstream/figures.h"
#include "upstream/link.h"
#include "upstream/observer.h"

namespace relais::upstream {

struct Event {
  enum class Kind : uint8_t {
    kPlaced,  // a connection is there; `code` 0, or this message is nothing for it: code and text
    kReply,   // `code` and `text` of the answer to what was asked
    kFailed,  // no upstream answers: `text` says which, and why
    kRoom,    // full() is over
  };
  Kind kind = Kind::kPlaced;
  Handle owner;
  Handle talk;
  uint16_t code = 0;
  std::string text;
};

// Now.
struct Figures {
  uint32_t connections = 0;
  uint32_t outstanding = 0;
  uint32_t open_circuits = 0;
};

class Upstreams {
 public:
  static constexpr size_t kBacklogMax = 64 * 1024;
  static constexpr Duration kPlacePatience = seconds(30);

  Upstreams(ring::Loop& loop, Observer& observer, uint32_t sessions_max);
  ~Upstreams();
  Upstreams(const Upstreams&) = delete;
  Upstreams& operator=(const Upstreams&) = delete;

  [[nodiscard]] Handle begin(const Target& target, Handle owner, Mail mail);
  void recipient(Handle talk, std::string_view address, const smtp::RecipientDsn& dsn);
  void data(Handle talk);
  // What comes in front of the client's own: it leaves with the first of that, or with the end.
  void content_front(Handle talk, std::string_view wire);
  // As smtp::StreamClient::content().
  void content(Handle talk, std::string_view wire, bool undotted);
  void end(Handle talk);
  void release(Handle talk);
  // Too much waits to be sent: give no more content before kRoom.
  [[nodiscard]] bool full(Handle talk);
  // The upstream that has the message, or had it last: "10.0.0.20:25". Valid until end_of_turn.
  [[nodiscard]] std::string_view host_of(Handle talk) const;
  // It does not offer DSN, so what the client said about notifications went no further.
  [[nodiscard]] bool without_dsn(Handle talk) const;

  [[nodiscard]] bool next_event(Event& event);
  void on_completion(const ring::Completion& completion);
  // Sends what this turn has queued.
  void flush();
  // Connections close when they are idle.
  void drain();
  [[nodiscard]] bool at_rest() const { return links_.size() == 0; }
  [[nodiscard]] uint32_t lent_buffers() const { return buffers_ == nullptr ? 0 : buffers_->lent(); }
  [[nodiscard]] Figures figures() const;
  // By name; one that several connectors use stands there once.
  [[nodiscard]] std::vector<HostFigures> host_figures() const;

 private:
  struct Host {
    Endpoint endpoint;
    std::string name;
    std::vector<Handle> idle{};  // the last one was used last
    uint32_t connections = 0;
    std::string trouble{};  // the last failure
    tls::Session tickets{};
    Instant in_clear_until{};  // TLS has failed, and need not be
    HostFigures counted{};     // since the start
  };
  struct Pool {
    explicit Pool(const Target& what);
    Target target;
    Balancer balancer;
    std::vector<Host> hosts;
    std::deque<Handle> waiting;  // talks; those that are gone are passed over
    ring::TimerId timer;         // of the next trial
    Instant used;                // for a message
  };

  // upstreams.cpp: pools and talks
  uint32_t pool_of(const Target& target);
  void place(Talk& talk, bool fresh);
  void assign(Link& link, Talk& talk);
  [[nodiscard]] Link* take_idle(const Pool& pool, Host& host, const Talk& talk);
  void introduce(Link& link, Talk& talk);
  void ask(Talk& talk, Talk::Asked asked);
  [[nodiscard]] Link* link_of(const Talk& talk);
  void answer(Link& link, const smtp::StreamEvent& event);
  void on_taken(Link& link, bool all);
  void unbind(Link& link);
  void fail(Talk& talk, std::string_view why);
  void on_talk_timer(Talk& talk);
  void check_room(Talk& talk, const Link& link);
  void check_room_at_rest(Talk& talk, Link& link);
  void push(const Talk& talk, Event::Kind kind, uint16_t code, std::string_view text);
  [[nodiscard]] std::string all_trouble(const Pool& pool) const;
  void serve_waiting(uint32_t pool);
  void mark_failed(uint32_t pool, uint32_t host, Failure failure, std::string_view why);
  void mark_good(uint32_t pool, uint32_t host);
  void arm_trials(uint32_t pool);
  void try_again(uint32_t pool);

  // upstream_tls.cpp
  [[nodiscard]] smtp::ClientOptions client_options(const Pool& pool, const Host& host) const;
  void begin_tls(Link& link);
  void read_tls(Link& link, std::span<const char> ciphertext);
  [[nodiscard]] bool encrypt(Link& link, std::string_view said);
  void keep_tickets(Link& link);
  [[nodiscard]] bool goes_on_in_clear(const Link& link, std::string_view why);

  // upstream_io.cpp: one connection
  [[nodiscard]] Link* connect(uint32_t pool, uint32_t host, const Mail* mail = nullptr);
  void on_connect(Link& link, const ring::Completion& completion);
  void on_receive(Link& link, const ring::Completion& completion);
  void on_send(Link& link, const ring::Completion& completion);
  void on_link_timer(Link& link);
  void arm_receive(Link& link);
  void hear(Link& link);
  void mark_dirty(Link& link);
  void send(Link& link);
  void expect(Link& link, Duration patience);
  void arm_timer(Link& link, Instant when);
  void rest(Link& link);
  void quit(Link& link);
  // `again`: its message may begin on another connection, if nothing stands against it.
  void lose(Link& link, Failure failure, std::string_view why, bool again = true);
  void end_badly(Link& link, const smtp::StreamEvent& event);
  void take_back(const Talk& talk, std::string_view why);
  void begin_close(Link& link);
  void close_when_quiet(Link& link);
  void retire(Link& link);
  [[nodiscard]] ring::Token token(ring::Operation operation, const Link& link) const;

  ring::Loop& loop_;
  Observer& observer_;
  ring::BufferGroup* buffers_ = nullptr;  // made when the first upstream is used
  Slab<Talk> talks_;
  Slab<Link> links_;
  std::deque<Pool> pools_;
  std::vector<Handle> dirty_;
  std::deque<Event> events_;
  std::vector<char> plaintext_;  // of the record that is being read
  bool draining_ = false;
};

}  // namespace relais::upstream
