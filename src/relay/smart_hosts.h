// Delivery to smart hosts: for each Send connector a queue of jobs, its hosts with their health,
// and a pool of connections.
//
// A connection takes a second transaction while the first one's final dot waits for its answer
// (pipelining), so one send and one receive carry a message; a job waits a moment for such a place
// before it takes an idle connection. A host that cannot be used is left alone for a growing time;
// when none can, the route is down: its jobs are parked (they wait in the log, not in memory) until
// one answers again. TLS and AUTH are as the Send connector wants them; a host whose handshake
// fails where TLS is not required is spoken to in the clear for a while. Limits: max_connections a
// Send connector and core; JobQueue's for jobs that wait in memory.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "config/model.h"
#include "relay/hop_security.h"
#include "relay/hop_session.h"
#include "relay/job_queue.h"
#include "relay/work.h"

namespace relais::relay {

class SmartHosts {
 public:
  struct Options {
    std::string ehlo_name;
    uint32_t sessions_max = 1000;  // over all routes of this core
    HopSecurities security = {};   // of each connector; empty: neither TLS nor AUTH
  };

  SmartHosts(Desk& desk, const std::vector<config::SendConnector>& connectors,
             ring::BufferGroup& buffers, const Options& options);
  ~SmartHosts();
  SmartHosts(const SmartHosts&) = delete;
  SmartHosts& operator=(const SmartHosts&) = delete;

  // Takes the job, or concludes it at once as parked (down, or too much waits).
  void enqueue(Job& job);
  // Jobs of everybody may be enqueued on this route, or of this source.
  [[nodiscard]] bool open(uint32_t route) const;
  [[nodiscard]] bool takes(uint32_t route, const Claim& claim) const;
  [[nodiscard]] JobQueue& pending(uint32_t route) { return routes_[route].pending; }
  // No host of it can be used: the last try of each has failed.
  [[nodiscard]] bool down(uint32_t route) const { return routes_[route].down; }
  // A route is down and has been tried again since the last call: the moment to look for what has
  // expired.
  [[nodiscard]] bool take_retry(uint32_t& route);
  // Why a route is down, in the words of one of its hosts. Valid until the next call of anything.
  [[nodiscard]] std::string_view why_down(uint32_t route) const;

  void on_completion(const ring::Completion& completion);
  // A chunk of the job's message was read, perhaps for another job: whoever waits for it goes on.
  void on_chunk(Job& job, uint32_t chunk, bool readable);
  // Starts what can be started. Once a turn.
  void pump();
  // No new jobs; connections close when they have nothing in flight.
  void drain();
  [[nodiscard]] bool at_rest() const { return sessions_.size() == 0; }
  // A route has mail that waits because its max_connections are all there.
  [[nodiscard]] bool at_limit() const;
  [[nodiscard]] uint32_t session_count() const { return sessions_.size(); }

 private:
  struct Host {
    Endpoint endpoint;
    std::string name;
    uint32_t connections = 0;
    uint32_t failures = 0;   // in a row
    uint32_t fruitless = 0;  // connections in a row that were ready and answered no command of mail
    Instant retry_at;        // not before; 0: usable
    std::string why;         // of the last failure; empty: it has answered since
    bool proven = false;     // one connection has become ready since the last failure
    Instant in_clear_until;
    tls::Session tickets;  // what the next handshake may resume
  };
  struct Route {
    const config::SendConnector* connector = nullptr;
    HopSecurity security;  // whose credentials clients borrow
    std::vector<Host> hosts;
    JobQueue pending;
    std::vector<Handle> sessions;
    uint32_t connecting = 0;
    bool down = false;
    ring::TimerId timer;
  };

  // smart_hosts.cpp: routes and the pool
  void pump(uint32_t route);
  [[nodiscard]] HopSession* find_session(Route& route);
  [[nodiscard]] size_t count_followable(const Route& route);
  void assign(HopSession& session, Job& job);
  [[nodiscard]] Host* choose_host(Route& route);
  [[nodiscard]] bool connect(uint32_t route);
  void mark_down(Route& route, Host& host, std::string_view why, Duration at_least = {});
  void found_down(const HopSession& session, std::string_view why, Duration at_least = {});
  [[nodiscard]] bool is_old_news(const HopSession& session) const;
  [[nodiscard]] bool was_needed(const HopSession& session) const;
  void host_ready(HopSession& session);
  void mail_answered(HopSession& session);
  void park_all(uint32_t route);
  Job* take_pending(Route& route);

  // hop_io.cpp: one connection
  void on_connect(HopSession& session, const ring::Completion& completion);
  void on_receive(HopSession& session, const ring::Completion& completion);
  void on_send(HopSession& session, const ring::Completion& completion);
  void on_timer(HopSession& session);
  void read_replies(HopSession& session);
  [[nodiscard]] bool act(HopSession& session, const smtp::ClientEvent& event);
  void on_finished(HopSession& session, const smtp::ClientEvent& event);
  void send_more(HopSession& session);
  void add_content(HopSession& session);
  uint64_t add_pieces(HopSession& session, bool raw);
  [[nodiscard]] bool have_chunk(HopSession& session, const Job& job);
  [[nodiscard]] const Job& oldest_job(const HopSession& session) const;
  [[nodiscard]] uint32_t chunks_of(const HopSession& session) const;
  void add_next_transaction(HopSession& session);
  void add_vector(HopSession& session, std::string_view bytes);
  void issue_send(HopSession& session);
  void release_pins(HopSession& session);
  void arm_receive(HopSession& session);
  void arm_timer(HopSession& session, Duration delay);
  void begin_close(HopSession& session, std::string_view why);
  void close_when_quiet(HopSession& session);
  void retire(HopSession& session);
  void give_up(HopSession& session, std::string_view why);
  [[nodiscard]] std::string obstacle(const HopSession& session,
                                     const smtp::ClientEvent& event) const;

  // hop_tls.cpp: its TLS
  [[nodiscard]] smtp::ClientOptions client_options_of(const Route& route, const Host& host) const;
  void begin_tls(HopSession& session);
  void read_tls(HopSession& session, std::span<const char> ciphertext);
  void keep_tickets(HopSession& session);
  void encrypt(HopSession& session);
  [[nodiscard]] static bool in_handshake(const HopSession& session);
  void go_on_in_clear(Route& route, Host& host, std::string_view why);
  [[nodiscard]] bool send_farewell(HopSession& session);
  [[nodiscard]] ring::Token token(ring::Operation operation, const HopSession& session) const;
  [[nodiscard]] Host& host_of(HopSession& session) {
    return routes_[session.route].hosts[session.host];
  }

  Desk& desk_;
  ring::BufferGroup& buffers_;
  Options options_;
  std::string ehlo_name_;
  Slab<HopSession> sessions_;
  std::vector<Route> routes_;  // by Send connector; those of Maildirs stay empty
  std::deque<uint32_t> retries_;
  std::string to_encrypt_;       // of one send
  std::vector<char> plaintext_;  // of one record
  bool draining_ = false;
};

}  // namespace relais::relay
