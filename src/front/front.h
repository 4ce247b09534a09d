// The inbound side of one core: listeners, sessions, and connections that owe a PROXY header
// (arrival.h). Takes completions of its operations and events of the spool; all else happens in one
// small loop: receive, feed, act on events, send (step()).
//
// Invariants: a session has at most one receive, one send and one step of a handshake under way; a
// slot is retired only after all have completed and the descriptor is closed, or the session has
// gone to another core (session_move.cpp); bytes are received only while the session can take them
// (back pressure). Limits and answers: sessions_max (421), max_inbound_connection (421), no
// descriptors, or connections that come too fast (accepting pauses), no receive buffers (the
// session parks; who keeps them and does not go on is shut), no message memory (452 at DATA, or the
// session waits in mid-message), no disk (452 at MAIL).
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/slab.h"
#include "front/arrival.h"
#include "front/dialogue.h"
#include "front/milters.h"
#include "front/observer.h"
#include "front/placement.h"
#include "front/serving_policy.h"
#include "front/session.h"
#include "policy/back_pressure.h"
#include "ring/loop.h"
#include "ring/mailbox.h"
#include "ring/way_back.h"
#include "spool/spool.h"
#include "tls/handshakes.h"
#include "upstream/upstreams.h"

namespace relais::front {

// What the mailbox brings with Letter::Kind::kAuth.
struct AuthAnswer {
  Handle session;
  auth::Outcome outcome = auth::Outcome::kUnavailable;
  std::string user = {};  // as the authenticator knows it, where that is another name
};

// ... and with Letter::Kind::kHandshake.
struct StepDone {
  Handle session;
  std::shared_ptr<tls::Step> step;
};

struct Listener {
  Endpoint endpoint;
  int fd = -1;
  Instant paused_until{};  // connections come too fast; 0: they do not
};

struct MovedSession;

class Front {
 public:
  struct Options {
    uint16_t core = 0;
    uint64_t guid_salt = 0;
    uint32_t sessions_max = 20'000;
    uint32_t receive_buffers = 1024;  // a power of two
    uint32_t receive_buffer_octets = 16'384;
    Duration drain_timeout = seconds(30);
    // Events of the dialogue, content not counted, that one step may act on: who sends thousands of
    // commands at once does not keep the core from the others. The rest waits for the end of the
    // turn.
    uint32_t step_events = 64;
    tls::Handshakes* handshakes = nullptr;  // borrowed; null: they go on here
  };

  static Result<std::unique_ptr<Front>> create(ring::Loop& loop, spool::Spool& spool,
                                               Observer& observer, Neighbours& neighbours,
                                               const Options& options);
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  // New sessions use the policy; running ones keep theirs. The limits, of the same configuration,
  // are in force for all at once. Null: there are none.
  void apply(std::shared_ptr<const ServingPolicy> policy,
             std::shared_ptr<const policy::LimitSet> limits = {});
  // What MAIL is answered while a resource is short.
  void apply(std::shared_ptr<const policy::BackPressure> pressure);
  // Who sees the dialogues of sessions that begin from now on; borrowed. Null: nobody.
  void watch(DialogueSink* sink) { dialogues_ = sink; }
  // Serves exactly these endpoints from now on; takes over the descriptors. Running sessions stay.
  void listen(std::vector<Listener> listeners);
  // A connection that another core accepted on its listener of `local`'s port.
  void adopt(int fd);
  // How busy the core is, for the others, and what follows from it (placement.h): at the end of a
  // turn, when it is due. `hops_at_limit`: mail waits because next hops have as many connections as
  // they may.
  [[nodiscard]] bool review_due() const { return placement_.review_due(loop_.now()); }
  void review_placement(bool hops_at_limit);
  // A session that another core gives away (Letter::Kind::kSession); its place is taken.
  void take_over(MovedSession& moved);

  void on_completion(const ring::Completion& completion);
  void on_spool_event(const spool::Event& event);
  // What an authenticator has said (Letter::Kind::kAuth).
  void on_auth_answer(const AuthAnswer& answer);
  // A step of a handshake is back (Letter::Kind::kHandshake).
  void on_handshake(const StepDone& done);
  // What milters and upstreams have answered in this turn, and what is to be said to them.
  void end_of_turn();

  // Stop accepting, let transactions finish, 421 to the rest; after drain_timeout to all.
  void drain();
  // Listeners included: one that stays open until the process ends would take connections that
  // nobody serves.
  [[nodiscard]] bool drained() const {
    return draining_ && session_count() == 0 && accepts_ == 0 && milters_.at_rest() &&
           upstreams_.at_rest();
  }
  [[nodiscard]] uint32_t session_count() const { return sessions_.size() + arrivals_.size(); }
  // To other cores, since the start.
  [[nodiscard]] uint64_t sessions_given_away() const { return given_away_; }
  // Whose TLS the kernel has taken over, since the start.
  [[nodiscard]] uint64_t sessions_given_to_kernel() const { return given_to_kernel_; }
  [[nodiscard]] upstream::Figures upstream_figures() const { return upstreams_.figures(); }
  [[nodiscard]] std::vector<upstream::HostFigures> upstream_hosts() const {
    return upstreams_.host_figures();
  }
  [[nodiscard]] uint32_t lent_buffers() const {
    return buffers_->lent() + upstreams_.lent_buffers();
  }

 private:
  Front(ring::Loop& loop, spool::Spool& spool, Observer& observer, Neighbours& neighbours,
        const Options& options, ring::BufferGroup& buffers);

  // front.cpp: listeners, beginning and end of sessions, timers
  void on_accept(const ring::Completion& completion);
  void arm_accept(uint32_t listener);
  void pause_accepting(uint32_t listener, Duration wait, bool armed);
  void resume_accepting(uint32_t listener, Instant when);
  bool open(int fd, const Endpoint* listener, Duration wait);
  // Of which it is known whose it is.
  struct Connection {
    int fd = -1;
    Endpoint local;
    Endpoint remote;
    Endpoint via{};             // the proxy that has named it; port 0: it came itself
    Duration wait{};            // before the greeting
    bool is_probe = false;      // a load balancer's own
    std::vector<Lent> input{};  // what has come already; taken when a session begins
    bool peer_done = false;
  };
  bool begin(Connection& connection);
  // Asked about a connection that is counted already.
  [[nodiscard]] bool is_full() { return my_load() > options_.sessions_max; }
  void say_and_close(int fd, const smtp::Reply& reply);
  void refuse_connection(int fd, const Endpoint& local, const Endpoint& remote,
                         const policy::Selection& selection, const smtp::Reply& reply,
                         std::string_view reason);
  void on_timer(Session& session);
  void on_held_long_enough(Session& session);
  void arm_timer(Session& session, Instant when);
  void shut(Session& session, std::string_view command, const smtp::Reply& reply,
            std::string_view reason);
  void shut(Session& session, const smtp::Reply& reply);
  void retire(Session& session);
  void forget(Session& session);
  void release_policy(PolicyUse* use);
  [[nodiscard]] std::atomic<uint32_t>& my_load();
  [[nodiscard]] const std::shared_ptr<ring::WayBack>& way_back();

  // arrivals.cpp
  bool await_header(int fd, const Endpoint& local, const Endpoint& peer,
                    const policy::AddressSet& proxies, Duration wait);
  void arm_receive(Arrival& arrival);
  void on_arrival_receive(const ring::Completion& completion);
  void take_header(Arrival& arrival, Lent lent);
  void go_on(Arrival& arrival);
  void become_session(Arrival& arrival);
  void on_header_timeout(Arrival& arrival);
  void turn_away(Arrival& arrival, std::string_view reason);
  void begin_close(Arrival& arrival);
  void close_when_quiet(Arrival& arrival);
  void retire(Arrival& arrival);

  // session_io.cpp
  void step(Session& session);
  void run(Session& session);
  [[nodiscard]] bool quits_cleanly(const Session& session) const;
  void interrupt(Session& session);
  void resume_interrupted();
  [[nodiscard]] std::span<const char> front_of(const Session& session) const;
  [[nodiscard]] bool feed(Session& session);
  void take_back(Session& session);
  void make_spare(std::string& output);
  void flush(Session& session);
  void send_rest(Session& session, bool end_follows);
  [[nodiscard]] bool take_output(Session& session);
  [[nodiscard]] static bool has_output(const Session& session);
  void rest(Session& session);
  void arm_receive(Session& session);
  void on_receive(const ring::Completion& completion);
  void on_send(const ring::Completion& completion);
  void drop_input(Session& session);
  void begin_close(Session& session);
  void close_when_quiet(Session& session);

  // session_buffers.cpp
  void park(ring::Token token);
  void watch_buffers();
  void look_for_hoarders();

  // session_move.cpp
  void steer();
  [[nodiscard]] bool hand_over(int fd);
  void on_message_done(Session& session);
  [[nodiscard]] bool can_go(const Session& session) const;
  void leave_when_quiet(Session& session);
  void leave(Session& session);
  void stay(Session& session);
  [[nodiscard]] bool drains() const {
    return draining_ || neighbours_.draining.load(std::memory_order_relaxed);
  }
  [[nodiscard]] uint32_t fullness();
  [[nodiscard]] PolicyUse& use_of(const std::shared_ptr<const ServingPolicy>& policy);

  // session_tls.cpp
  void on_start_tls(Session& session);
  [[nodiscard]] bool begin_with_tls(Session& session);
  [[nodiscard]] bool feed_plaintext(Session& session);
  [[nodiscard]] tls::Event next_of_tls(SessionTls& tls);
  void give_step_away(Session& session);
  void recognize_partner(Session& session);
  void end_tls(Session& session);
  void encrypt(Session& session, size_t octets);

  // session_records.cpp
  [[nodiscard]] bool settle_records(Session& session);
  void give_to_kernel(Session& session);
  [[nodiscard]] bool on_record(Session& session, Error error);
  bool renew_send_key(Session& session);
  void fail_records(Session& session, const ControlRecord& farewell, std::string_view why);
  bool say_record(Session& session, const ControlRecord& record);
  void say_end_of_tls(Session& session);

  // session_auth.cpp
  void on_auth(Session& session);
  void on_auth_outcome(Session& session, auth::Outcome outcome, std::string_view trouble);
  void refuse_auth(Session& session, std::string_view reason);
  [[nodiscard]] static std::string_view why_refused(const Session& session,
                                                    const smtp::Event& event);
  void become(Session& session, policy::Principal principal);
  void forget_user(Session& session);

  // session_act.cpp
  void act(Session& session, const smtp::Event& event, size_t replies_before);
  void on_server_refusal(Session& session, const smtp::Event& event, size_t replies_before);
  void on_mail(Session& session, const smtp::Event& event);
  void on_recipient(Session& session, const smtp::Event& event);
  void on_data(Session& session);
  void append_stamps(const Session& session);
  void on_body(Session& session, std::string_view bytes);
  void on_data_end(Session& session);
  void drop_message(Session& session);
  void on_committed(Session& session);
  void on_write_failed(Session& session);
  void answer(Session& session, const policy::Decision& decision, const smtp::Reply& accepted,
              std::string_view command, std::string_view recipient);
  void accept_mail(Session& session);
  void accept_recipient(Session& session);
  void begin_content(Session& session);
  [[nodiscard]] bool begin_message(Session& session);
  void start_content(Session& session);
  void prepare_content(Session& session);
  [[nodiscard]] bool queues(const Session& session) const {
    return session.receive_connector().delivery == policy::Delivery::kQueue;
  }
  [[nodiscard]] bool discards(const Session& session) const {
    return session.receive_connector().delivery == policy::Delivery::kDiscard;
  }
  void keep(Session& session);
  [[nodiscard]] smtp::Reply taken_reply(const Session& session);
  void on_kept(Session& session, const smtp::Reply& reply);

  // session_upstream.cpp
  [[nodiscard]] bool is_proxied(const Session& session) const {
    return session.receive_connector().delivery == policy::Delivery::kProxy;
  }
  void ask_upstream_for_mail(Session& session);
  void on_upstream_event(const upstream::Event& event);
  void on_upstream_reply(Session& session, const smtp::Reply& reply);
  void on_upstream_failed(Session& session, std::string_view why);
  void fall_back(Session& session, Asked asked, std::string_view why);
  void release_upstream(Session& session);

  // session_limits.cpp
  struct Admission {
    uint32_t slot = 0;
    policy::Charges charges;
    Duration wait{};  // before the greeting
  };
  [[nodiscard]] bool is_limited(const Session& session, policy::Measure measure) const;
  [[nodiscard]] policy::LimitSubject subject_of(const Session& session) const;
  [[nodiscard]] std::string limit_id();
  bool limited(Session& session, const policy::LimitVerdict& verdict, std::string_view command,
               std::string_view recipient);
  void tell_limited(Session& session, const policy::LiveLimit& limit,
                    const policy::LimitLevel& level, Duration wait, bool shadow);
  void hold(Session& session, Duration wait, size_t free);
  void release(Session& session);
  [[nodiscard]] uint32_t slot_of(const policy::Selection& selection) const {
    return limits_ == nullptr ? 0 : limits_->slots()[selection.connector_index];
  }
  [[nodiscard]] std::optional<policy::LimitVerdict> refusal_of_connection(
      const Endpoint& local, const Endpoint& remote, const policy::Selection& selection,
      Admission& admission);
  [[nodiscard]] bool may_connect(int fd, const Endpoint& local, const Endpoint& remote,
                                 const policy::Selection& selection, Admission& admission);
  [[nodiscard]] bool may_send(Session& session, const smtp::Event& event);
  [[nodiscard]] bool may_address(Session& session, const smtp::Event& event);
  policy::LimitVerdict charge_for_good(const Session& session, policy::Measure measure, uint64_t n);
  [[nodiscard]] bool may_begin_content(Session& session);
  [[nodiscard]] bool may_keep(Session& session);
  void charge_lost_content(Session& session);
  void pace_content(Session& session, uint64_t octets);
  [[nodiscard]] Duration pace_connection();
  void give_back(Session& session, size_t from);

  void on_command(Session& session, std::string_view line);
  void on_error_reply(Session& session, size_t replies_before,
                      std::optional<Duration> tarpit = std::nullopt);

  // session_xclient.cpp
  void on_xclient(Session& session, std::string_view arguments);
  void become_client(Session& session, const Endpoint& remote, const policy::Selection& selection,
                     Admission admission);

  // session_dialogue.cpp
  [[nodiscard]] uint64_t next_dialogue_number();
  [[nodiscard]] std::unique_ptr<Dialogue> watched_dialogue(
      const Client& client, const policy::ReceiveConnector* connector);
  void begin_dialogue(Session& session);
  void note_rights(Session& session);
  void show_command(Session& session, std::string_view line);
  void show_refused_connection(const Client& client, const policy::ReceiveConnector* connector,
                               const smtp::Reply* reply, std::string_view reason);
  void note(Session& session, std::string_view data, std::string_view context) {
    if (session.dialogue != nullptr) session.dialogue->note(loop_.wall_now(), data, context);
  }

  // session_milter.cpp
  [[nodiscard]] bool has_milter(const Session& session) const;
  void ask_about_mail(Session& session, const smtp::Event& event);
  void ask_about_recipient(Session& session);
  void ask_about_data(Session& session);
  void ask_about_end(Session& session);
  void on_milter_event(const MilterEvent& event);
  void on_milter_answer(Session& session, const MilterEvent& event);
  void on_milter_failed(Session& session, std::string_view why);
  void go_on(Session& session, Asked asked);
  void refuse(Session& session, Asked asked, const smtp::Reply& reply, std::string_view reason);
  void discard(Session& session, std::string_view reason);
  void release_milter(Session& session);

  [[nodiscard]] Client client_of(const Session& session) const;
  [[nodiscard]] static Client client_at_connect(const Endpoint& local, const Endpoint& remote,
                                                const policy::Selection& selection);

  ring::Loop& loop_;
  spool::Spool& spool_;
  Observer& observer_;
  Neighbours& neighbours_;
  Options options_;
  ring::BufferGroup* buffers_;
  Slab<Session> sessions_;
  Slab<Arrival> arrivals_;
  Milters milters_;
  upstream::Upstreams upstreams_;
  Placement placement_;
  uint32_t steered_ = 0;     // so many cores, as far as this one has told the kernel
  uint32_t spool_full_ = 0;  // permille, as of room_known_
  Instant room_known_{};
  uint32_t hop_windows_ = 0;  // reviews in a row with hops_at_limit
  uint64_t given_away_ = 0;
  uint64_t given_to_kernel_ = 0;
  DialogueSink* dialogues_ = nullptr;
  uint64_t last_dialogue_ = 0;
  std::vector<Listener> listeners_;  // fd < 0: no longer served
  std::list<PolicyUse> policies_;    // back() is current
  std::shared_ptr<const policy::LimitSet> limits_;
  std::shared_ptr<const policy::BackPressure> pressure_;  // never null
  policy::Charges unkept_;                                // scratch: of charges nobody gives back
  std::shared_ptr<ring::WayBack> way_back_;               // null until it is first needed
  Prng ids_;                                              // names what a limit refused
  uint64_t next_id_ = 1;
  uint32_t accepts_ = 0;  // multishot accepts that have not ended
  bool draining_ = false;
  bool watches_buffers_ = false;
  std::string scratch_;
  std::vector<std::string> spares_;  // for output
  std::vector<Handle> interrupted_;  // sessions
};

}  // namespace relais::front
