#include "relay/maildirs.h"

#include <algorithm>

#include "base/assert.h"

namespace relais::relay {
namespace {

constexpr size_t kWriteOctets = 256 * 1024;

}  // namespace

Maildirs::Maildirs(Desk& desk, const std::vector<config::SendConnector>& connectors,
                   std::string failed_folder, std::string host_name)
    : desk_(desk),
      host_name_(std::move(host_name)),
      active_(static_cast<uint32_t>(connectors.size() + 1) * kActiveMax) {
  for (const auto& connector : connectors) {
    Folder& folder = folders_.emplace_back();
    if (connector.kind == config::DeliveryKind::kMaildir) folder.path = connector.maildir;
  }
  folders_.emplace_back().path = std::move(failed_folder);
}

Maildirs::~Maildirs() {
  for (const Folder& folder : folders_) {
    if (folder.fd >= 0) desk_.loop.kernel().close(folder.fd);
    if (folder.fd_new >= 0) desk_.loop.kernel().close(folder.fd_new);
  }
}

Result<void> Maildirs::open_folders(std::string& problem) {
  auto& kernel = desk_.loop.kernel();
  for (Folder& folder : folders_) {
    if (folder.path.empty()) continue;
    for (const char* part : {"/tmp", "/new", "/cur"}) {
      problem = folder.path + part;
      if (auto made = kernel.make_directories(problem); !made) return made;
    }
    problem = folder.path;
    const auto fd = kernel.open(folder.path, ring::OpenMode::kDirectory);
    if (!fd) return std::unexpected(fd.error());
    folder.fd = *fd;
    const auto fd_new = kernel.open(folder.path + "/new", ring::OpenMode::kDirectory);
    if (!fd_new) return std::unexpected(fd_new.error());
    folder.fd_new = *fd_new;
  }
  problem.clear();
  return {};
}

void Maildirs::enqueue(Job& job) {
  folders_[job.route].pending.push(desk_.jobs.handle_of(&job), job.claim);
}

void Maildirs::pump() {
  for (uint32_t route = 0; route < folders_.size(); ++route) {
    Folder& folder = folders_[route];
    while (!folder.pending.empty() && folder.active < kActiveMax) {
      Job* job = desk_.jobs.get(folder.pending.pop());
      ASSERT(job != nullptr);
      begin(route, *job);
    }
  }
}

Job& Maildirs::job_of(const Active& active) {
  Job* job = desk_.jobs.get(active.job);
  ASSERT(job != nullptr);
  return *job;
}

ring::Token Maildirs::token(ring::Operation operation, const Active& active) const {
  return {operation, active_.handle_of(&active)};
}

void Maildirs::begin(uint32_t route, Job& job) {
  Active* active = active_.acquire(desk_.jobs.handle_of(&job));
  ASSERT(active != nullptr);  // kActiveMax a folder
  ++folders_[route].active;
  job.carrier = Carrier::kMaildir;
  job.carried_by = active_.handle_of(active);
  job.host = folders_[route].path;
  const spool::Envelope& envelope = job.work->envelope;
  const Guid::Text id = envelope.guid.text();
  // Two Send connectors may share a folder: the first recipient's index keeps their copies apart.
  std::string name = std::to_string(envelope.received.ns / 1'000'000'000) + '.';
  name.append(view(id))
      .append("_")
      .append(std::to_string(job.recipients.front()))
      .append(".")
      .append(host_name_);
  active->tmp_name = "tmp/" + name;
  active->new_name = "new/" + name;
  append_fields(active->text, job);
  open_file(*active);
}

void Maildirs::open_file(Active& active) {
  active.stage = Active::Stage::kOpen;
  desk_.loop.open_new(folders_[job_of(active).route].fd, active.tmp_name.c_str(),
                      token(ring::Operation::kMaildirOpen, active));
}

// What final delivery adds. In the failed folder: what failed, and why, so that the file tells
// everything.
void Maildirs::append_fields(std::string& out, const Job& job) const {
  const spool::Envelope& envelope = job.work->envelope;
  out.append("Return-Path: <").append(envelope.sender).append(">\n");
  for (uint32_t i = 0; i < job.recipient_count(); ++i) {
    if (job.outcomes.empty()) {
      out.append("Delivered-To: ").append(job.recipient(i)).append("\n");
      continue;
    }
    std::string why = job.outcomes[i].reply;
    std::ranges::replace_if(
        why, [](char c) { return c < ' ' || c > '~'; }, ' ');
    out.append("X-Relais-Failed-Recipient: ")
        .append(job.recipient(i))
        .append("; ")
        .append(why)
        .append("\n");
  }
}

void Maildirs::on_completion(const ring::Completion& completion) {
  Active* active = active_.get(completion.token.handle);
  ASSERT(active != nullptr);
  const uint32_t route = job_of(*active).route;
  switch (completion.token.operation) {
    case ring::Operation::kMaildirOpen:
      return on_opened(*active, completion);
    case ring::Operation::kMaildirWrite:
      return on_written(*active, completion);
    case ring::Operation::kMaildirSync:
      if (!completion.ok()) return fail(*active, describe(completion.error()));
      active->stage = Active::Stage::kRename;
      return desk_.loop.rename(folders_[route].fd, active->tmp_name.c_str(),
                               active->new_name.c_str(),
                               token(ring::Operation::kMaildirRename, *active));
    case ring::Operation::kMaildirRename:
      if (!completion.ok()) return fail(*active, describe(completion.error()));
      active->renamed = true;
      active->stage = Active::Stage::kSyncFolder;
      return desk_.loop.sync(folders_[route].fd_new,
                             token(ring::Operation::kMaildirSyncFolder, *active));
    case ring::Operation::kMaildirSyncFolder:
      if (!completion.ok()) return fail(*active, describe(completion.error()));
      return close(*active);
    case ring::Operation::kMaildirClose:
      return conclude(*active);
    default:
      ASSERT(false);
  }
}

void Maildirs::on_opened(Active& active, const ring::Completion& completion) {
  if (completion.ok()) {
    active.fd = completion.result;
    active.stage = Active::Stage::kContent;
    return write_more(active);
  }
  if (completion.error() == Error::kExists && !active.tried_to_remove) {
    // Half a file of an earlier try that a crash cut short.
    active.tried_to_remove = true;
    const std::string path = folders_[job_of(active).route].path + '/' + active.tmp_name;
    if (desk_.loop.kernel().remove(path)) return open_file(active);
  }
  fail(active, describe(completion.error()));
}

void Maildirs::append_content(Active& active, const Job& job, std::span<const char> wire) {
  if (!job.binary()) return active.form.append(active.text, wire);
  std::string copy;
  active.text += active.unstuffing.next({wire.data(), wire.size()}, copy);
}

// Turns chunks into text until there is enough for a write, or the message is over.
void Maildirs::write_more(Active& active) {
  const Job& job = job_of(active);
  const spool::Message* message = desk_.spool.find(job.work->message);
  ASSERT(message != nullptr);
  const uint64_t envelope = message->envelope_octets;
  while (active.next_chunk < message->chunk_count() && active.text.size() < kWriteOctets) {
    const uint32_t index = active.next_chunk;
    const uint64_t start = uint64_t{index} * spool::kPayloadMax;
    if (start + message->payload_octets(index) > envelope) {
      if (!desk_.spool.load(job.work->message, index, job.work_handle)) {
        active.reading = true;  // on_chunk goes on
        return;
      }
      spool::BlockId block = spool::kNoBlock;
      const auto bytes = desk_.spool.pin(job.work->message, index, block);
      append_content(active, job, bytes.subspan(envelope > start ? envelope - start : 0));
      desk_.spool.unpin(block);
      if (message->chunk_count() > 8) desk_.spool.uncache(job.work->message, index);
    }
    ++active.next_chunk;
  }
  if (!active.text.empty()) return write_text(active);
  active.stage = Active::Stage::kSync;
  desk_.loop.sync(active.fd, token(ring::Operation::kMaildirSync, active));
}

void Maildirs::on_chunk(Job& job, uint32_t chunk, bool readable) {
  Active* active = active_.get(job.carried_by);
  if (active == nullptr || !active->reading || active->next_chunk != chunk) return;
  active->reading = false;
  if (readable) return write_more(*active);
  fail(*active, "the message cannot be read back from the spool");
}

void Maildirs::write_text(Active& active) {
  const auto left = std::as_bytes(std::span<const char>(active.text)).subspan(active.text_written);
  desk_.loop.write(active.fd, left, active.offset, token(ring::Operation::kMaildirWrite, active));
}

void Maildirs::on_written(Active& active, const ring::Completion& completion) {
  if (!completion.ok()) return fail(active, describe(completion.error()));
  if (completion.result == 0) return fail(active, describe(Error::kNoSpace));
  active.text_written += static_cast<size_t>(completion.result);
  active.offset += static_cast<uint64_t>(completion.result);
  if (active.text_written < active.text.size()) return write_text(active);
  active.text.clear();
  active.text_written = 0;
  write_more(active);
}

void Maildirs::fail(Active& active, std::string_view problem) {
  active.ok = false;
  active.problem = problem;
  if (active.fd >= 0) return close(active);
  conclude(active);
}

void Maildirs::close(Active& active) {
  active.stage = Active::Stage::kClose;
  desk_.loop.close(active.fd, token(ring::Operation::kMaildirClose, active));
}

void Maildirs::conclude(Active& active) {
  Job& job = job_of(active);
  Folder& folder = folders_[job.route];
  if (active.ok) {
    job.conclude(Fate::kDelivered, "250 written");
  } else {
    // Best effort: a file that stays in tmp is nobody's mail, and is replaced by the next try.
    if (!active.renamed) [[maybe_unused]]
      const auto removed = desk_.loop.kernel().remove(folder.path + '/' + active.tmp_name);
    job.conclude(Fate::kDeferred, active.problem);
  }
  job.carrier = Carrier::kNone;
  --folder.active;
  active_.release(&active);
  desk_.finish(job);
}

}  // namespace relais::relay
