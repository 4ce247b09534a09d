#include "admin/dialogue_feed.h"

#include <algorithm>
#include <utility>

#include "admin/dialogue_line.h"

namespace relais::admin {
namespace {

constexpr Duration kFeedDelay = milliseconds(50);
constexpr size_t kFeedBatch = 64 * 1024;
// While the tray's lock is not free. That takes microseconds, unless its owner is put to sleep.
constexpr size_t kFeedMax = 1024 * 1024;

}  // namespace

DialogueFeed::DialogueFeed(ring::Loop& loop, std::shared_ptr<DialogueTray> log,
                           std::string_view fqdn)
    : loop_(loop), log_(std::move(log)), server_(server_label(fqdn)) {}

DialogueFeed::~DialogueFeed() {
  if (!batch_.empty()) log_->put(batch_);
  for (Tracer& tracer : tracers_) {
    if (!tracer.batch.empty()) tracer.tap->tray.put(tracer.batch);
  }
}

front::DialogueSink::Watchers DialogueFeed::watchers(const front::Client& client, bool verbose) {
  Watchers watchers;
  watchers.log = verbose && log_ != nullptr;
  for (const Tracer& tracer : tracers_) {
    if (tracer.tap->wants(client)) watchers.tracers.push_back(tracer.tap->id);
  }
  return watchers;
}

bool DialogueFeed::has_room(DialogueBatch& batch) {
  if (batch.text.size() < kFeedMax) return true;
  ++batch.dropped;
  return false;
}

void DialogueFeed::on_line(const Watchers& watchers, const front::DialogueLine& line) {
  if (watchers.log && has_room(batch_)) {
    append_csv(batch_.text, server_, line);
    ++batch_.lines;
    if (batch_.text.size() >= kFeedBatch) (void)log_->try_put(batch_);
  }
  if (!watchers.tracers.empty()) tell_tracers(watchers, line);
  if (!at_rest()) arm();
}

void DialogueFeed::tell_tracers(const Watchers& watchers, const front::DialogueLine& line) {
  json_.clear();
  append_json(json_, line);
  for (Tracer& tracer : tracers_) {
    if (std::ranges::find(watchers.tracers, tracer.tap->id) == watchers.tracers.end()) continue;
    if (!has_room(tracer.batch)) continue;
    tracer.batch.text += json_;
    ++tracer.batch.lines;
    if (tracer.batch.text.size() >= kFeedBatch) (void)tracer.tap->tray.try_put(tracer.batch);
  }
}

void DialogueFeed::trace(const TraceTaps& taps) {
  std::vector<Tracer> tracers;
  for (const auto& tap : taps) {
    const auto known = std::ranges::find(tracers_, tap, &Tracer::tap);
    if (known != tracers_.end()) {
      tracers.push_back(std::move(*known));
    } else {
      tracers.push_back({.tap = tap});
      tap->cores.fetch_add(1, std::memory_order_release);
    }
  }
  tracers_ = std::move(tracers);
}

void DialogueFeed::hand_over() {
  if (!batch_.empty()) (void)log_->try_put(batch_);
  for (Tracer& tracer : tracers_) {
    if (!tracer.batch.empty()) (void)tracer.tap->tray.try_put(tracer.batch);
  }
}

bool DialogueFeed::at_rest() const {
  return batch_.empty() &&
         std::ranges::all_of(tracers_, [](const Tracer& tracer) { return tracer.batch.empty(); });
}

void DialogueFeed::arm() {
  if (timer_.is_null())
    timer_ = loop_.arm_timer(loop_.now() + kFeedDelay, {ring::Operation::kDialogueTimer, {}});
}

void DialogueFeed::on_completion(const ring::Completion& /*completion*/) {
  timer_ = {};
  hand_over();
  if (!at_rest()) arm();
}

}  // namespace relais::admin
