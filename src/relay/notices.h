// Tells senders of what could not be delivered, and of successes where they want to know: a
// notification (notification.h) from the null sender, as a message of its own in this core's spool.
// Failed recipients are settled once it is durable, so a crash may send a second one and never
// loses the first. That of a success is dropped where it cannot be kept.
//
// Takes jobs as a carrier does (work.h): the job ends as delivered when its notification is kept,
// as deferred when it cannot be (no memory, no disk, the message cannot be read back). Limits:
// kActiveMax at once, kReturnedMax octets of the message each; the rest waits as handles.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "relay/notification.h"
#include "relay/work.h"

namespace relais::relay {

class Notices {
 public:
  static constexpr uint32_t kActiveMax = 16;

  struct Options {
    std::string fqdn;
    std::string from;  // the address that they come from
    uint64_t guid_salt = 0;
    uint16_t core = 0;
  };
  Notices(Desk& desk, Options options);

  // Whether the sender of the message wants to hear of this recipient (RFC 3461 section 4.1).
  [[nodiscard]] static bool is_wanted(const spool::Envelope& envelope, uint32_t recipient,
                                      bool success);
  void enqueue(Job& job);
  // kCommitted, kFailed and kSpace of messages; of which some are ours.
  void on_spool_event(const spool::Event& event);
  void on_chunk(Job& job, uint32_t chunk, bool readable);
  void pump();
  [[nodiscard]] bool at_rest() const { return active_.size() == 0; }

 private:
  struct Active {
    explicit Active(Handle the_job) : job(the_job) {}
    Handle job;
    std::string content;  // of the message, from its beginning
    uint32_t next_chunk = 0;
    bool reading = false;
    Guid id;
    Handle message;    // the notification, once it has begun
    std::string text;  // of it, that is not yet in the spool
  };

  void begin(Job& job);
  void read_more(Active& active);
  void write(Active& active);
  void append(Active& active);
  void conclude(Active& active, Fate fate, std::string_view reply);
  [[nodiscard]] Job& job_of(const Active& active);

  Desk& desk_;
  Options options_;
  std::deque<Handle> pending_;  // jobs
  Slab<Active> active_;
  uint64_t next_id_ = 1;
};

}  // namespace relais::relay
