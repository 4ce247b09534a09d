#include "relay/notices.h"

#include <utility>

#include "base/assert.h"
#include "smtp/ascii.h"
#include "smtp/dsn.h"

namespace relais::relay {
namespace {

// Names of notifications are not those of messages that sessions of this core take.
constexpr uint64_t kFirstNumber = uint64_t{1} << 61;

// Lines of binary content are none. RFC 8689 section 5: a notification that shows nothing of a
// message with REQUIRETLS needs no such protection itself.
bool returns_any(const Job& job) { return !job.binary() && !job.require_tls(); }

}  // namespace

Notices::Notices(Desk& desk, Options options)
    : desk_(desk), options_(std::move(options)), active_(kActiveMax) {}

bool Notices::is_wanted(const spool::Envelope& envelope, uint32_t recipient, bool success) {
  if (envelope.sender.empty()) return false;
  const uint8_t notify = envelope.dsn.empty() ? uint8_t{0} : envelope.dsn[recipient].notify;
  if (success) return (notify & smtp::dsn_notify::kSuccess) != 0;
  return notify == 0 || (notify & smtp::dsn_notify::kFailure) != 0;
}

void Notices::enqueue(Job& job) { pending_.push_back(desk_.jobs.handle_of(&job)); }

void Notices::pump() {
  while (!pending_.empty() && !active_.full()) {
    Job* job = desk_.jobs.get(pending_.front());
    ASSERT(job != nullptr);
    pending_.pop_front();
    begin(*job);
  }
}

Job& Notices::job_of(const Active& active) {
  Job* job = desk_.jobs.get(active.job);
  ASSERT(job != nullptr);
  return *job;
}

void Notices::begin(Job& job) {
  Active* active = active_.acquire(desk_.jobs.handle_of(&job));
  job.carrier = Carrier::kNotices;
  job.carried_by = active_.handle_of(active);
  read_more(*active);
}

// As much of the message as may be returned.
void Notices::read_more(Active& active) {
  const Job& job = job_of(active);
  const spool::Message* message = desk_.spool.find(job.work->message);
  ASSERT(message != nullptr);
  const uint64_t envelope = message->envelope_octets;
  for (; returns_any(job) && active.next_chunk < message->chunk_count(); ++active.next_chunk) {
    if (active.content.size() > kReturnedMax) break;
    const uint64_t start = uint64_t{active.next_chunk} * spool::kPayloadMax;
    if (start + message->payload_octets(active.next_chunk) <= envelope) continue;
    if (!desk_.spool.load(job.work->message, active.next_chunk, job.work_handle)) {
      active.reading = true;  // on_chunk goes on
      return;
    }
    spool::BlockId block = spool::kNoBlock;
    const auto bytes = desk_.spool.pin(job.work->message, active.next_chunk, block);
    const auto content = bytes.subspan(envelope > start ? envelope - start : 0);
    active.content.append(content.data(), content.size());
    desk_.spool.unpin(block);
  }
  write(active);
}

void Notices::on_chunk(Job& job, uint32_t chunk, bool readable) {
  Active* active = active_.get(job.carried_by);
  if (active == nullptr || !active->reading || active->next_chunk != chunk) return;
  active->reading = false;
  if (readable) return read_more(*active);
  conclude(*active, Fate::kDeferred, "the message cannot be read back from the spool");
}

void Notices::write(Active& active) {
  const Job& job = job_of(active);
  const spool::Envelope& envelope = job.work->envelope;
  // RFC 3461 section 4.3: RET is about failures.
  std::vector<ReportedRecipient> recipients;
  for (const Outcome& outcome : job.outcomes) {
    recipients.push_back(
        {.action = outcome.action,
         .address = envelope.recipients[outcome.recipient],
         .orcpt = envelope.dsn.empty() ? std::string_view{} : envelope.dsn[outcome.recipient].orcpt,
         .host = outcome.ours ? std::string_view{} : outcome.host,
         .reply = outcome.reply,
         .last = outcome.last});
  }
  active.id = make_guid(options_.guid_salt, options_.core, kFirstNumber + next_id_++);
  const WallTime now = desk_.loop.wall_now();
  Notification notification{.id = active.id,
                            .fqdn = options_.fqdn,
                            .from = options_.from,
                            .sender = envelope.sender,
                            .now = now,
                            .received = envelope.received,
                            .envid = envelope.envid,
                            .recipients = recipients,
                            .returned = {}};
  // RFC 3461 section 4.3: RET is about failures.
  notification.returns_all = job.ret() == smtp::DsnReturn::kFull && !job.is_about_success() &&
                             returns_any(job) && job.content_octets <= kReturnedMax &&
                             (notification.utf8() || smtp::is_ascii(active.content));
  notification.returned = notification.returns_all ? std::string_view(active.content)
                                                   : header_of(active.content, notification.is_cut);
  active.text = notification_text(notification);
  std::string().swap(active.content);
  active.message = desk_.spool.begin({.guid = active.id,
                                      .received = now,
                                      .eight_bit = notification.utf8(),
                                      .utf8 = notification.utf8(),
                                      .connector = envelope.connector,
                                      .client = envelope.client,
                                      .sender = {},
                                      .recipients = {envelope.sender}},
                                     active_.handle_of(&active));
  if (active.message.is_null())
    return conclude(active, Fate::kDeferred, "no message memory is free for a notification");
  append(active);
}

void Notices::append(Active& active) {
  const size_t taken = desk_.spool.append(active.message, active.text);
  active.text.erase(0, taken);
  if (active.text.empty()) desk_.spool.commit(active.message);
}

void Notices::on_spool_event(const spool::Event& event) {
  Active* active = active_.get(event.owner);
  if (active == nullptr || active->message.is_null() || active->message != event.message) return;
  switch (event.kind) {
    case spool::Event::Kind::kSpace:
      return append(*active);
    case spool::Event::Kind::kCommitted:
      job_of(*active).notified_by = active->id;
      return conclude(*active, Fate::kDelivered, {});
    case spool::Event::Kind::kFailed:
      return conclude(*active, Fate::kDeferred, "the notification could not be written");
    default:
      return;
  }
}

void Notices::conclude(Active& active, Fate fate, std::string_view reply) {
  Job& job = job_of(active);
  job.conclude(fate, reply);
  job.carrier = Carrier::kNone;
  active_.release(&active);
  desk_.finish(job);
}

}  // namespace relais::relay
