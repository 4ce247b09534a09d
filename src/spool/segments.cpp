#include "spool/segments.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/assert.h"
#include "spool/record.h"

namespace relais::spool {
namespace {

constexpr size_t kZeroOctets = 1 << 20;
constexpr uint32_t kBend = 2;  // segments beyond the budget, where nothing can go on without

std::span<std::byte> zeros() {
  // In .bss: costs nothing until it is read, and is page aligned for O_DIRECT.
  alignas(kAlignment) static std::byte block[kZeroOctets];
  return block;
}

}  // namespace

Segments::Segments(ring::Loop& loop, Options options) : loop_(loop), options_(std::move(options)) {}

Segments::~Segments() {
  for (const Segment& segment : segments_) {
    if (segment.fd >= 0) loop_.kernel().close(segment.fd);
  }
  if (folder_fd_ >= 0) loop_.kernel().close(folder_fd_);
}

std::string Segments::path(const std::string& name) const { return options_.folder + '/' + name; }

std::string Segments::next_name() {
  char name[32];
  std::snprintf(name, sizeof name, "segment-%06u.log", ++next_number_);
  return name;
}

SegmentIndex Segments::new_index() {
  ++existing_;
  if (!unused_.empty()) {
    const SegmentIndex index = unused_.back();
    unused_.pop_back();
    segments_[index] = {};
    return index;
  }
  segments_.emplace_back();
  return static_cast<SegmentIndex>(segments_.size() - 1);
}

Result<void> Segments::open_folder() {
  auto& kernel = loop_.kernel();
  if (auto made = kernel.make_directories(options_.folder); !made) return made;
  // A life that was killed may have made a file and not flushed its name; what is written there
  // must be found behind a power cut.
  if (auto synced = kernel.sync_directory(options_.folder); !synced) return synced;
  const auto fd = kernel.open(options_.folder, ring::OpenMode::kDirectory);
  if (!fd) return std::unexpected(fd.error());
  folder_fd_ = *fd;
  return {};
}

void Segments::adopt(Segment segment) {
  uint32_t number = 0;
  const std::string_view digits = std::string_view(segment.name).substr(sizeof "segment-" - 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  next_number_ = std::max(next_number_, number);
  const SegmentIndex index = new_index();
  const bool in_log = segment.used > 0;
  ASSERT(!in_log || log_.empty() || segments_[log_.back()].epoch < segment.epoch);
  segments_[index] = std::move(segment);
  (in_log ? log_ : free_).push_back(index);
}

Result<void> Segments::make_first() {
  if (!free_.empty()) return {};
  const std::string name = next_name();
  const auto fd = loop_.kernel().create_zeroed(path(name), options_.segment_octets);
  if (!fd && free_dead(true)) return {};
  if (!fd && existing_ > 0) {
    // The disk is full, perhaps with our own segments: what they hold is delivered first.
    failed_ = true;
    failure_ = fd.error();
    return {};
  }
  if (!fd) return std::unexpected(fd.error());
  const SegmentIndex index = new_index();
  segments_[index] = {.name = name, .fd = *fd, .size = options_.segment_octets};
  free_.push_back(index);
  return {};
}

bool Segments::free_dead(bool states_too) {
  if (head_open_) return false;
  const auto is_dead = [&](const Segment& segment) {
    return segment.live == 0 && (segment.states == 0 || states_too);
  };
  while (!log_.empty() && is_dead(segments_[log_.front()])) {
    cooling_.push_back(log_.front());
    log_.pop_front();
  }
  reclaim(UINT64_MAX);
  return !free_.empty();
}

SegmentIndex Segments::find_dead_inside() const {
  for (size_t i = 1; i + 1 < log_.size(); ++i) {
    if (segments_[log_[i]].live == 0) return log_[i];
  }
  return kNoSegment;
}

bool Segments::is_inside(SegmentIndex index) const {
  const auto found = std::ranges::find(log_, index);
  return found != log_.end() && found != log_.begin() && *found != log_.back();
}

void Segments::drop(SegmentIndex index) {
  ASSERT(is_inside(index) && segments_[index].live == 0);
  log_.erase(std::ranges::find(log_, index));
  set_free(index);
}

SegmentIndex Segments::find(uint32_t low_epoch) const {
  if (log_.empty()) return kNoSegment;
  const uint32_t base = low(segments_[log_.front()].epoch);
  const auto distance = [&](SegmentIndex index) { return low(segments_[index].epoch) - base; };
  const auto found = std::ranges::lower_bound(log_, low_epoch - base, {}, distance);
  return found != log_.end() && distance(*found) == low_epoch - base ? *found : kNoSegment;
}

// In the log, or on the way out of it: its records can still be read back.
template <class Predicate>
bool Segments::any_in_use(const Predicate& predicate) const {
  return std::ranges::any_of(log_, predicate) || std::ranges::any_of(cooling_, predicate);
}

bool Segments::any_between(uint64_t older, uint64_t newer) const {
  return any_in_use([&](SegmentIndex index) {
    return segments_[index].epoch > older && segments_[index].epoch < newer;
  });
}

bool Segments::holds(uint64_t oldest, uint64_t newest, SegmentIndex but) const {
  // What was copied into a later segment still stands in the earlier one.
  return any_in_use([&](SegmentIndex index) {
    const Segment& segment = segments_[index];
    return index != but && segment.epoch <= newest && (segment.epoch >= oldest || segment.copied);
  });
}

bool Segments::advance_head(uint64_t epoch, uint64_t sequence) {
  if (free_.empty()) {
    prepare(true);
    return false;
  }
  const SegmentIndex index = free_.front();
  free_.pop_front();
  Segment& segment = segments_[index];
  segment.epoch = epoch;
  segment.used = 0;
  segment.live = 0;
  segment.sequence = sequence;
  segment.gone.clear();
  segment.states = 0;
  segment.copied = false;
  log_.push_back(index);
  head_open_ = true;
  return true;
}

void Segments::seal_head() {
  ASSERT(head_open_);
  head_open_ = false;
  segments_[log_.back()].sealed = true;
  if (segments_[log_.back()].used > 0) return;
  // Not one flush into it has succeeded, so nobody was told anything that it should keep.
  remove_file(log_.back());
  log_.pop_back();
}

uint64_t Segments::tail_epoch() const {
  ASSERT(!log_.empty());
  return segments_[log_.front()].epoch;
}

void Segments::reclaim(uint64_t flushed_tail) {
  while (!cooling_.empty() && segments_[cooling_.front()].epoch < flushed_tail) {
    const SegmentIndex index = cooling_.front();
    cooling_.pop_front();
    set_free(index);
  }
  // What was moved out of it has its state noted elsewhere first.
  while (log_.size() > 1 && segments_[log_.front()].live == 0 &&
         segments_[log_.front()].states == 0) {
    cooling_.push_back(log_.front());
    log_.pop_front();
  }
}

void Segments::set_free(SegmentIndex index) {
  segments_[index].gone = {};
  // Another size than configured today: it goes once it is empty.
  const bool reusable =
      !segments_[index].sealed && segments_[index].size == options_.segment_octets;
  if (reusable && existing_ <= options_.count_max) {
    free_.push_back(index);
  } else {
    remove_file(index);
  }
  failed_ = false;
}

void Segments::remove_file(SegmentIndex index) {
  Segment& segment = segments_[index];
  loop_.kernel().close(segment.fd);
  segment.fd = -1;
  // If the file cannot be removed it is found again, and empty, at the next start.
  [[maybe_unused]] const auto removed = loop_.kernel().remove(path(segment.name));
  unused_.push_back(index);
  --existing_;
}

uint32_t Segments::available() const {
  const auto idle = static_cast<uint32_t>(free_.size() + cooling_.size() + (making() ? 1 : 0));
  if (failed_) return idle;
  return idle + (options_.count_max > existing_ ? options_.count_max - existing_ : 0);
}

uint64_t Segments::room(uint32_t kept) const {
  ASSERT(kept <= available());
  const uint64_t room = (available() - kept) * (options_.segment_octets - kSegmentReserve);
  if (!head_open_) return room;
  const Segment& head = segments_[log_.back()];
  return room + head.size - std::min(head.size, head.used + kSegmentReserve);
}

void Segments::prepare(bool at_once) {
  // The budget bends rather than locks up: a head that is sealed or full cannot take the note that
  // would free others, and what is left of a sealed segment is of no use.
  const auto is_sealed = [&](SegmentIndex index) { return segments_[index].sealed; };
  const auto sealed = static_cast<uint32_t>(std::ranges::count_if(log_, is_sealed));
  const uint32_t limit = options_.count_max + (at_once ? sealed + kBend : 0);
  if (making_ != kNoSegment || failed_ || !free_.empty() || existing_ >= limit) return;
  const std::string name = next_name();
  const auto fd = loop_.kernel().create(path(name));
  if (!fd) {
    failed_ = true;
    failure_ = fd.error();
    return;
  }
  making_ = new_index();
  segments_[making_] = {.name = name, .fd = *fd, .size = options_.segment_octets};
  zeroed_ = 0;
  stage_ = Making::kZeros;
  make_step();
}

void Segments::make_step() {
  const Segment& segment = segments_[making_];
  const ring::Token token{ring::Operation::kSpoolZero, {}};
  if (stage_ == Making::kZeros && zeroed_ == segment.size) stage_ = Making::kSyncFile;
  switch (stage_) {
    case Making::kZeros: {
      const size_t octets = std::min<uint64_t>(kZeroOctets, segment.size - zeroed_);
      loop_.write(segment.fd, zeros().first(octets), zeroed_, token);
      break;
    }
    case Making::kSyncFile:
      loop_.sync(segment.fd, token);
      break;
    case Making::kSyncFolder:
      loop_.sync(folder_fd_, token);
      break;
  }
}

void Segments::on_completion(const ring::Completion& completion) {
  ASSERT(making_ != kNoSegment);
  if (!completion.ok()) return give_up(completion.error());
  if (stage_ == Making::kZeros && completion.result == 0) return give_up(Error::kNoSpace);
  switch (stage_) {
    case Making::kZeros:
      zeroed_ += static_cast<uint64_t>(completion.result);
      break;
    case Making::kSyncFile:
      stage_ = Making::kSyncFolder;
      break;
    case Making::kSyncFolder:
      free_.push_back(making_);
      making_ = kNoSegment;
      return;
  }
  make_step();
}

void Segments::give_up(Error error) {
  failed_ = true;
  failure_ = error;
  remove_file(making_);
  making_ = kNoSegment;
}

}  // namespace relais::spool
