// The outbound side of one core: takes committed messages, finds the Send connector of each
// recipient, hands jobs to the carriers, and sees to it that every recipient ends as delivered, or
// failed: its sender is told, or where nobody can or wants to be told it is kept in the failed
// folder. Until then the message stays in the spool. Nothing is sent to a recipient that has been
// settled.
//
// Where a message waits: `ready` (a handle), a Work with Jobs (memory), parked on a route that is
// down or has too much to do (a handle), or deferred (a handle and a timer). Limits: works_max
// messages in work at once; everything else waits in the log and costs a handle and a few words.
// What waits for others to be finished (ready, parked, jobs of a next hop) is taken by fair
// queueing: sources, which are a client address and the Receive connector that it came to, share
// what there is by the connector's weight; a source's own messages go in order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fair_queue.h"
#include "config/model.h"
#include "relay/maildirs.h"
#include "relay/notices.h"
#include "relay/routing.h"
#include "relay/smart_hosts.h"
#include "relay/work.h"

namespace relais::relay {

class Relay {
 public:
  struct Options {
    std::string fqdn;
    std::string postmaster_domain;  // whose <Postmaster> without a domain is; empty: nobody's
    std::string failed_folder;
    bool notifies = true;  // senders, of what failed; else all of it is kept
    Notices::Options notices;
    config::RetrySettings retry;
    uint32_t works_max = 4096;
    uint32_t receive_buffers = 256;  // a power of two
    uint32_t receive_buffer_octets = 4096;
    uint32_t connections_max = 1000;
    HopSecurities security = {};  // by Send connector
  };

  // `connectors` must outlive it. An error: `problem` names what could not be opened.
  static Result<std::unique_ptr<Relay>> create(ring::Loop& loop, spool::Spool& spool,
                                               Observer& observer,
                                               const std::vector<config::SendConnector>& connectors,
                                               const Options& options, std::string& problem);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Everything that the spool recovered.
  void adopt(const std::vector<Handle>& messages);
  void on_spool_event(const spool::Event& event);
  void on_completion(const ring::Completion& completion);
  // Starts and finishes what can be; once a turn.
  void end_of_turn();

  // Nothing new is begun; what is under way may finish.
  void drain();
  [[nodiscard]] bool drained() const;

  struct Figures {
    uint64_t delivered = 0;  // recipients
    uint64_t deferred = 0;
    uint64_t failed = 0;
    uint64_t waiting = 0;  // messages: ready, parked or deferred
    uint32_t in_work = 0;
    uint32_t connections = 0;
  };
  [[nodiscard]] Figures figures() const;
  // Next hops have as many connections as they may, and mail waits for one.
  [[nodiscard]] bool at_limit() const { return smart_hosts_.at_limit(); }

 private:
  Relay(ring::Loop& loop, spool::Spool& spool, Observer& observer,
        const std::vector<config::SendConnector>& connectors, const Options& options,
        ring::BufferGroup& buffers);

  void make_ready(Handle message);
  [[nodiscard]] bool can_start() const;
  void start(Handle message);
  void on_envelope(Handle handle);
  void dispatch(Handle handle);
  Job& add_job(Work& work, Handle handle, uint32_t route, std::vector<uint32_t> recipients);
  void enqueue(Work& work, Handle handle, uint32_t route, std::vector<uint32_t> recipients);
  void enqueue_failures(Work& work, Handle handle);
  void on_chunk(const spool::Event& event);
  void fail(Work& work, const std::vector<uint32_t>& recipients, std::string_view why);
  void take_kept(Work& work, Job& job);
  void report_failed(const Work& work, const Job& job);
  void report_notified(const Work& work, const Job& job);
  [[nodiscard]] static std::vector<std::string_view> names_of(
      const Work& work, const std::vector<uint32_t>& recipients);
  [[nodiscard]] bool is_told(const Work& work, uint32_t recipient, bool success = false) const {
    return options_.notifies && Notices::is_wanted(work.envelope, recipient, success);
  }
  [[nodiscard]] bool note_success(Work& work, const Job& job, const RecipientResult& result,
                                  uint32_t recipient);
  void add_outcomes(Work& work, Handle handle, std::vector<Outcome> outcomes, bool tells);
  void settle_succeeded(Work& work);
  [[nodiscard]] std::string why_unreachable(uint32_t route) const;
  void on_finished(Job& job);
  void take_results(Work& work, Job& job);
  [[nodiscard]] Delivery delivery_of(const Work& work, const Job* job,
                                     std::span<const std::string_view> names, std::string_view host,
                                     std::string_view reply) const;
  void report(const Work& work, const Job* job, const std::vector<uint32_t>& recipients, Fate fate,
              std::string_view host, std::string_view reply);
  void finish(Handle handle);
  void defer(Work& work);
  void park(Work& work);
  void readmit(uint32_t route);
  void fail_expired(uint32_t route);
  void forget(Work& work);
  [[nodiscard]] Duration backoff(uint32_t attempts) const;
  [[nodiscard]] bool expired(WallTime received) const;
  [[nodiscard]] bool route_open(uint32_t route) const;
  [[nodiscard]] bool route_down(uint32_t route) const;
  [[nodiscard]] bool route_takes(uint32_t route, const Claim& claim) const;

  Desk desk_;
  const std::vector<config::SendConnector>& connectors_;
  Options options_;
  Routing routing_;
  SmartHosts smart_hosts_;
  Maildirs maildirs_;
  Notices notices_;
  FairQueue<Handle> ready_;
  std::vector<FairQueue<Handle>> parked_;  // by route
  uint64_t deferred_ = 0;
  bool draining_ = false;
  Figures figures_;
};

}  // namespace relais::relay
