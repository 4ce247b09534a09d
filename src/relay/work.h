// A message that is being delivered now (Work), and its parts, one a Send connector (Job). Both
// live in slabs of the Desk, which is what the carriers (smart hosts, Maildirs, notices) and the
// Relay share. Carriers never call back: a finished job is put on Desk::finished and the Relay
// picks it up at the end of its turn.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/slab.h"
#include "relay/notification.h"
#include "relay/observer.h"
#include "ring/loop.h"
#include "smtp/client.h"
#include "spool/envelope.h"
#include "spool/spool.h"

namespace relais::relay {

enum class Fate : uint8_t {
  kOpen,  // not known yet
  kDelivered,
  kDeferred,  // try again later
  kFailed,    // never
  kParked,    // not tried: the next hop is down or has too much to do; wait for it, this is no
              // attempt
};

struct RecipientResult {
  Fate fate = Fate::kOpen;
  std::string reply;
  bool ours = false;  // the next hop was not asked
};

// Who carries a job just now; told when a chunk that it asked for has been read.
enum class Carrier : uint8_t { kNone, kSmartHost, kMaildir, kNotices };

// As what a message waits at a bottleneck: which source's it is, with what weight, and how much it
// is (records in the log, so a large one counts as many small ones).
struct Claim {
  uint64_t flow = 0;
  uint32_t weight = spool::kDefaultWeight;
  uint32_t cost = 1;
};
[[nodiscard]] Claim claim_of(const spool::Spool& spool, const spool::Message& message);

// A recipient's end, to be told or kept.
struct Outcome {
  uint32_t recipient = 0;  // index into the envelope
  Action action = Action::kFailed;
  std::string reply;
  std::string host = {};        // that said so, or cannot take it; empty: nobody was reached
  bool ours = false;            // `reply` is not what the host said
  std::string last = {};        // what the host said at the last of many attempts; empty: `reply`
  uint32_t route = UINT32_MAX;  // whose host that is; none: UINT32_MAX
};

struct Work {
  Handle message;     // in the spool
  std::string bytes;  // of the envelope; `envelope` looks into it
  spool::Envelope envelope;
  uint32_t chunks_missing = 0;  // of the envelope, being read
  uint32_t attempts = 0;        // before this one
  std::vector<uint32_t> open;   // recipients that are not settled
  std::vector<Handle> jobs;
  std::vector<Outcome> failed;  // whose sender is to be told, or who are kept in the failed folder
  std::vector<Outcome> succeeded;  // whose sender wanted to be told of that
  bool deferred = false;           // at least one recipient must be tried again
  std::string deferred_why;
  uint32_t parked_on = UINT32_MAX;  // route, when that is all that is left
};

struct Job final : smtp::ClientEnvelope {
  const Work* work = nullptr;  // outlives its jobs
  Handle work_handle;
  uint32_t route = 0;
  std::vector<Outcome> outcomes;         // not a delivery: tell of these, or keep them as failed
  bool takes_dsn = false;                // the next hop that has it will tell of a success
  Guid notified_by;                      // the notification about them, once it is kept
  std::vector<uint32_t> recipients;      // indices into the envelope
  std::vector<RecipientResult> results;  // beside it
  std::string host;                      // where it went
  std::string_view tls_version;          // ... and how; both are OpenSSL's own constants
  std::string_view tls_cipher;
  uint64_t content_octets = 0;
  bool is_seven_bit = false;  // the content, known to be
  Claim claim;
  uint32_t tries = 0;  // connections that were lost under it
  Carrier carrier = Carrier::kNone;
  Handle carried_by;

  [[nodiscard]] std::string_view sender() const override { return work->envelope.sender; }
  [[nodiscard]] uint32_t recipient_count() const override {
    return static_cast<uint32_t>(recipients.size());
  }
  [[nodiscard]] std::string_view recipient(uint32_t index) const override {
    return work->envelope.recipients[recipients[index]];
  }
  [[nodiscard]] uint64_t size() const override { return content_octets; }
  [[nodiscard]] bool eight_bit() const override { return work->envelope.eight_bit; }
  [[nodiscard]] bool binary() const override { return work->envelope.binary; }
  [[nodiscard]] bool utf8() const override { return work->envelope.utf8; }
  [[nodiscard]] bool plain() const override;
  [[nodiscard]] bool require_tls() const override { return work->envelope.require_tls; }
  [[nodiscard]] smtp::DsnReturn ret() const override {
    return static_cast<smtp::DsnReturn>(work->envelope.ret);
  }
  [[nodiscard]] std::string_view envid() const override { return work->envelope.envid; }
  [[nodiscard]] smtp::RecipientDsn dsn(uint32_t index) const override {
    if (work->envelope.dsn.empty()) return {};
    const spool::Envelope::Dsn& dsn = work->envelope.dsn[recipients[index]];
    return {.notify = dsn.notify, .orcpt = dsn.orcpt};
  }

  [[nodiscard]] bool is_about_success() const {
    return !outcomes.empty() && outcomes.front().action != Action::kFailed;
  }
  // All recipients that have no result yet.
  void conclude(Fate fate, std::string_view reply);
};

struct Desk {
  Desk(ring::Loop& the_loop, spool::Spool& the_spool, Observer& the_observer, uint32_t works_max);
  ring::Loop& loop;
  spool::Spool& spool;
  Observer& observer;
  Slab<Work> works;
  Slab<Job> jobs;
  std::deque<Handle> finished;  // jobs

  void finish(Job& job) { finished.push_back(jobs.handle_of(&job)); }
};

}  // namespace relais::relay
