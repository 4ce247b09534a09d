#include "admin/pressure_keeper.h"

#include "admin/notices.h"
#include "admin/pressure_file.h"
#include "config/values.h"

namespace relais::admin {
namespace {

using policy::Pressure;
using policy::PressureChange;
using policy::Resource;

std::string cure_for(Resource resource, const std::string& data_dir) {
  switch (resource) {
    case Resource::kMemory:
      return "give the service more memory (MemoryMax=), or lower receive_buffers and "
             "message_memory in [server]";
    case Resource::kSystemMemory:
      return "see what else takes the memory (ps aux --sort=-rss), or give the machine more";
    case Resource::kSpoolDisk:
      return fmt::format("free space on the file system of {}, or make it larger", data_dir);
    case Resource::kSpool:
      return "see in the log (host down, deferred) why mail does not leave, or raise max_size in "
             "[spool]";
    case Resource::kQueue:
      return "see in the log (host down, deferred) why mail does not leave; more smart_hosts or "
             "max_connections take more";
  }
  return {};
}

std::string effect_of(const PressureChange& change, const config::BackPressureSettings& settings) {
  if (change.after == Pressure::kHigh) return "MAIL is answered 452 4.3.1 to everybody";
  constexpr std::string_view kRefused =
      "MAIL is answered 452 4.3.1 to clients that are not externally secured";
  if (change.resource == Resource::kSystemMemory) return "nobody is refused yet";
  const Duration history = settings.history()[static_cast<size_t>(change.resource)];
  if (history == Duration{}) return std::string(kRefused);
  return fmt::format("{} once this has lasted {}{}", kRefused, config::print_duration(history),
                     change.resource == Resource::kQueue ? "; until then it waits" : "");
}

}  // namespace

void PressureKeeper::begin(int64_t pid) {
  report_.pid = pid;
  since_.fill(kernel_.wall_now());
}

void PressureKeeper::configure(const config::BackPressureSettings& settings) {
  settings_ = settings;
  next_poll_ = {};
}

std::shared_ptr<PressureLetter> PressureKeeper::tick(const CoreFigures& cores) {
  if (!settings_.enabled) return turn_off();
  if (kernel_.now() < next_poll_) return nullptr;
  return poll(cores);
}

std::shared_ptr<PressureLetter> PressureKeeper::turn_off() {
  if (off_) return nullptr;
  off_ = true;
  states_ = {};
  since_.fill(kernel_.wall_now());
  answers_ = std::make_shared<const policy::BackPressure>();
  renew_report();
  write();
  return std::make_shared<PressureLetter>(PressureLetter{answers_, {}});
}

policy::PressureFigures PressureKeeper::read(const CoreFigures& cores,
                                             policy::PressureLimits& limits) const {
  policy::PressureFigures figures;
  const auto at = [](Resource resource) { return static_cast<size_t>(resource); };
  const MemoryUse memory = read_memory();
  figures[at(Resource::kMemory)] = memory.private_percent;
  figures[at(Resource::kSystemMemory)] = memory.system_percent;
  if (const auto disk = read_disk(data_dir_)) {
    // Files of the spool stay when what they held has gone: that space is free for mail.
    figures[at(Resource::kSpoolDisk)] =
        percent_of(disk->used - std::min(disk->used, cores.spool_idle), disk->size);
    auto& thresholds = limits[at(Resource::kSpoolDisk)];
    thresholds = for_disk(thresholds, disk->size);
  }
  if (cores.spool_budget > 0)
    figures[at(Resource::kSpool)] = percent_of(cores.spool_live, cores.spool_budget);
  figures[at(Resource::kQueue)] = cores.waiting + cores.in_work;
  return figures;
}

// The cores are told only what they do not know: an idle one is not woken.
std::shared_ptr<PressureLetter> PressureKeeper::poll(const CoreFigures& cores) {
  const Instant now = kernel_.now();
  next_poll_ = now + settings_.poll_interval;
  off_ = false;
  policy::PressureLimits limits = settings_.limits();
  const policy::PressureFigures figures = read(cores, limits);
  std::vector<PressureChange> changes = states_.poll(figures, limits, now);
  for (const PressureChange& change : changes) {
    since_[static_cast<size_t>(change.resource)] = kernel_.wall_now();
    tell(change);
  }
  policy::BackPressure answers(states_, settings_.history(), now);
  const policy::Decision external = answers.mail(false);
  if (!external.allowed && answers_->mail(false).allowed && changes.empty()) {
    notice("{}: MAIL is answered 452 4.3.1 to clients that are not externally secured",
           external.reason);
  }
  const bool same = changes.empty() && answers == *answers_;
  if (!same) answers_ = std::make_shared<const policy::BackPressure>(std::move(answers));
  renew_report();
  write();
  if (same) return nullptr;
  return std::make_shared<PressureLetter>(PressureLetter{answers_, std::move(changes)});
}

void PressureKeeper::tell(const PressureChange& change) const {
  const std::string figure = figure_text(change.resource, change.figure);
  if (change.after == Pressure::kNormal)
    return notice("{} is Normal again, with {}", name_of(change.resource), figure);
  notice("{} is {}{} with {} (from {}, until below {}): {}. Cure: {}", name_of(change.resource),
         change.after < change.before ? "only " : "", name_of(change.after), figure,
         threshold_text(change.resource, change.thresholds.begin_of(change.after)),
         threshold_text(change.resource, change.thresholds.end_of(change.after)),
         effect_of(change, settings_), cure_for(change.resource, data_dir_));
}

void PressureKeeper::renew_report() {
  report_.enabled = settings_.enabled;
  report_.mail = mail_of(*answers_);
  report_.resources.clear();
  if (!settings_.enabled) return;
  for (const Resource resource : policy::all_resources()) {
    const policy::ResourceState& state = states_.of(resource);
    report_.resources.push_back({.resource = resource,
                                 .pressure = state.pressure,
                                 .figure = state.figure,
                                 .since = since_[static_cast<size_t>(resource)],
                                 .thresholds = state.thresholds});
  }
}

// Only when it says something new: a server at rest leaves the disk at rest.
void PressureKeeper::write() {
  report_.updated = {};
  std::string fresh = to_json(report_);
  report_.updated = kernel_.wall_now();
  if (fresh == written_) return;
  const Result<void> written = write_pressure(data_dir_, report_);
  if (!written && !broken_) {
    notice("cannot write {}: {}; relais stats does not show the present states of the resources",
           pressure_path(data_dir_), describe(written.error()));
  }
  if (written && broken_) notice("{} is being written again", pressure_path(data_dir_));
  broken_ = !written;
  if (written) written_ = std::move(fresh);
}

void PressureKeeper::finish() {
  report_.pid = 0;
  write();
}

}  // namespace relais::admin
