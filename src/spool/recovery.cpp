#include "spool/recovery.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/assert.h"
#include "spool/envelope.h"

namespace relais::spool {
namespace {

// One record as found; its bytes are looked at again only for journals.
struct Found {
  RecordHeader header;
  uint32_t page;
  bool behind_gap;  // something unreadable lies between this and the one before
  // Of a first chunk:
  WallTime received{};
  ConnectorNumber connector = kNobody;
  uint64_t flow = 0;
};

struct Scan {
  Segment segment;
  RecordHeader start;
  std::vector<Found> records;
  std::vector<std::pair<uint64_t, std::string>> journals;  // sequence, payload
};

// A sliding window over a file, aligned for O_DIRECT.
class Window {
 public:
  Window(ring::Kernel& kernel, int fd, uint64_t size)
      : kernel_(kernel),
        fd_(fd),
        size_(size),
        memory_(static_cast<std::byte*>(std::aligned_alloc(kAlignment, kOctets)), &std::free) {}

  // At least `kBlockOctets` at `offset` (less at the end of the file). `offset` is aligned.
  Result<std::span<const std::byte>> at(uint64_t offset) {
    const bool inside = offset >= start_ && offset + kBlockOctets <= start_ + length_;
    if (!inside && start_ + length_ < size_) {
      const uint64_t wanted = std::min<uint64_t>(kOctets, size_ - offset);
      const auto octets = kernel_.read_at(fd_, {memory_.get(), wanted}, offset);
      if (!octets) return std::unexpected(octets.error());
      start_ = offset;
      length_ = *octets;
    }
    if (offset < start_ || offset >= start_ + length_) return std::span<const std::byte>{};
    const uint64_t skip = offset - start_;
    return std::span<const std::byte>{memory_.get() + skip,
                                      std::min<uint64_t>(kBlockOctets, length_ - skip)};
  }

 private:
  static constexpr uint64_t kOctets = 1 << 20;
  ring::Kernel& kernel_;
  int fd_;
  uint64_t size_;
  uint64_t start_ = 0;
  uint64_t length_ = 0;
  std::unique_ptr<std::byte, decltype(&std::free)> memory_;
};

void read_source(std::string_view envelope, Found& found, Connectors& connectors) {
  const auto front = read_front(envelope);
  if (!front) return;
  found.received = front->received;
  found.connector = connectors.number_of(front->connector);
  found.flow = flow_of(front->connector, front->client);
}

// Fills `scan` with what is valid in the file. An empty or foreign file has no records and used ==
// 0.
Result<void> scan_segment(ring::Kernel& kernel, Scan& scan, Connectors& connectors) {
  Window window(kernel, scan.segment.fd, scan.segment.size);
  const auto front = window.at(0);
  if (!front) return std::unexpected(front.error());
  const auto start = read_record(*front);
  if (!start || start->kind != RecordKind::kSegment) return {};
  scan.start = *start;
  scan.segment.epoch = start->epoch;
  scan.segment.sequence = start->sequence;
  uint64_t at = disk_octets(start->payload_octets);
  uint64_t sequence = start->sequence;
  bool gap = false;
  scan.segment.used = at;
  while (at < scan.segment.size) {
    const auto bytes = window.at(at);
    if (!bytes) return std::unexpected(bytes.error());
    const auto header = read_record(*bytes);
    if (!header || header->epoch != start->epoch || header->sequence < sequence) {
      gap = true;
      at += kAlignment;
      continue;
    }
    gap = gap || header->sequence != sequence;
    sequence = header->sequence;
    const auto payload = bytes->subspan(kHeaderOctets, header->payload_octets);
    const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
    if (header->kind == RecordKind::kJournal) scan.journals.emplace_back(sequence, text);
    scan.records.push_back({*header, static_cast<uint32_t>(at / kAlignment), gap});
    if (header->kind == RecordKind::kChunk && header->chunk == 0) {
      read_source(text, scan.records.back(), connectors);
    }
    at += disk_octets(header->payload_octets);
    scan.segment.used = at;
    ++sequence;
    gap = false;
  }
  return {};
}

Result<std::vector<Scan>> scan_folder(ring::Kernel& kernel, const std::string& folder,
                                      uint64_t segment_octets, Connectors& connectors) {
  const auto names = kernel.list(folder);
  if (!names) return std::unexpected(names.error());
  std::vector<Scan> scans;
  for (const std::string& name : *names) {
    if (!name.starts_with("segment-") || !name.ends_with(".log")) continue;
    const std::string path = folder + '/' + name;
    const auto fd = kernel.open(path, ring::OpenMode::kLog);
    if (!fd) return std::unexpected(fd.error());
    const auto size = kernel.size(*fd);
    if (!size) return std::unexpected(size.error());
    Scan scan;
    scan.segment = {.name = name, .fd = *fd, .size = *size};
    if (const auto done = scan_segment(kernel, scan, connectors); !done)
      return std::unexpected(done.error());
    // A file that was still being filled with zeros, or of another size than is used now, is of no
    // use once empty.
    if (scan.segment.used == 0 && *size != segment_octets) {
      kernel.close(*fd);
      if (const auto removed = kernel.remove(path); !removed)
        return std::unexpected(removed.error());
      continue;
    }
    scans.push_back(std::move(scan));
  }
  return scans;
}

// By epoch. Of two with one epoch (a file was put back beside itself, or a disk wrote to the wrong
// place) only the one that holds more is of the log; the others are free.
void sort_and_drop_copies(std::vector<Scan>& scans, std::vector<Segment>& free) {
  std::ranges::sort(scans, [](const Scan& a, const Scan& b) {
    if (a.segment.epoch != b.segment.epoch) return a.segment.epoch < b.segment.epoch;
    return a.records.size() > b.records.size();
  });
  std::optional<uint64_t> before;
  std::erase_if(scans, [&](Scan& scan) {
    if (std::exchange(before, scan.segment.epoch) != scan.segment.epoch) return false;
    scan.segment.used = 0;
    free.push_back(scan.segment);
    return true;
  });
}

// In the newest segment nothing behind a gap was ever acknowledged: the flush that left the gap did
// not complete.
void drop_torn_end(Scan& newest) {
  const auto gap = std::ranges::find_if(newest.records, &Found::behind_gap);
  if (gap == newest.records.end()) return;
  const uint64_t bound = gap->header.sequence;
  newest.records.erase(gap, newest.records.end());
  std::erase_if(newest.journals, [bound](const auto& journal) { return journal.first >= bound; });
}

using DroppedBy = std::pair<DroppedSegments, uint64_t>;  // and the epoch of who says so

void take_dropped(const Scan& scan, std::vector<DroppedBy>& dropped) {
  for (const auto& [sequence, payload] : scan.journals) {
    [[maybe_unused]] const bool good = read_entries(payload, [&](JournalEntry&& entry) {
      if (entry.kind != JournalEntry::Kind::kDropped) return;
      const auto& range = entry.dropped;
      // What is said again is said of more: neighbours that were dropped since.
      const bool known = std::ranges::any_of(dropped, [&](const DroppedBy& other) {
        return other.first.first <= range.first && other.first.last >= range.last &&
               other.second > scan.segment.epoch;
      });
      if (known) return;
      std::erase_if(dropped, [&](const DroppedBy& other) {
        return other.first.first >= range.first && other.first.last <= range.last;
      });
      dropped.emplace_back(range, scan.segment.epoch);
    });
  }
}

// Drops what a later segment has declared void: a segment begins with the sequence number at which
// the durable log ended, so records from there on in earlier segments belonged to a failed flush.
// And the segments that a later one has declared dropped; `dropped`: these, ascending.
void drop_void_records(std::vector<Scan>& scans, Recovered::Report& report,
                       std::vector<Segment>& free, std::vector<DroppedBy>& dropped) {
  uint64_t bound = UINT64_MAX;
  for (auto scan = scans.rbegin(); scan != scans.rend(); ++scan) {
    const uint64_t epoch = scan->segment.epoch;
    const bool is_dropped = std::ranges::any_of(dropped, [&](const DroppedBy& other) {
      return other.first.first <= epoch && epoch <= other.first.last;
    });
    if (is_dropped) {
      scan->segment.used = 0;
      free.push_back(scan->segment);
      continue;
    }
    for (const auto& [range, by] : dropped) {
      if (range.first > epoch) bound = std::min(bound, range.sequence);
    }
    while (!scan->records.empty() && scan->records.back().header.sequence >= bound)
      scan->records.pop_back();
    std::erase_if(scan->journals, [bound](const auto& journal) { return journal.first >= bound; });
    // Below the bound every number was durable once.
    if (bound != UINT64_MAX)
      report.lost_records += bound - scan->start.sequence - scan->records.size();
    bound = std::min(bound, scan->start.sequence);
    take_dropped(*scan, dropped);
  }
  std::erase_if(scans, [](const Scan& scan) { return scan.segment.used == 0; });
  std::ranges::sort(dropped, {}, [](const DroppedBy& range) { return range.first.first; });
}

struct Partial {
  RecoveredMessage message;
  bool complete = false;
  uint32_t present = 0;
  SegmentIndex oldest = kNoSegment;  // of those with records of it, copies included
  SegmentIndex newest = 0;
};

void add_chunk(Partial& partial, const Found& found, SegmentIndex segment,
               std::vector<Scan>& scans) {
  RecoveredMessage& message = partial.message;
  const RecordHeader& header = found.header;
  message.number = header.message;
  message.envelope_octets = header.envelope_octets;
  if (message.chunks.size() <= header.chunk) message.chunks.resize(size_t{header.chunk} + 1);
  Chunk& chunk = message.chunks[header.chunk];
  if (chunk.segment == kNoSegment) ++partial.present;
  if (chunk.segment != kNoSegment) scans[chunk.segment].segment.copied = true;
  partial.oldest = std::min(partial.oldest, segment);
  partial.newest = std::max(partial.newest, segment);
  chunk = {.segment = segment, .page = found.page};  // the newest copy wins
  if (header.chunk == 0) {
    message.received = found.received;
    message.connector = found.connector;
    message.flow = found.flow;
  }
  if (header.is_last()) {
    partial.complete = true;
    message.content_octets = header.content_octets;
    message.traits = header.traits();
  }
}

void apply_entry(const JournalEntry& entry, std::vector<Scan>& scans, SegmentIndex index,
                 std::unordered_map<uint64_t, Partial>& partials) {
  if (entry.kind == JournalEntry::Kind::kDropped) return;
  const auto found = partials.find(entry.message);
  if (found == partials.end()) return;
  Segment& segment = scans[index].segment;
  if (entry.kind == JournalEntry::Kind::kGone) {
    const auto [oldest, newest] = std::pair(found->second.oldest, found->second.newest);
    if (oldest != index || newest != index)
      segment.gone.push_back(
          {entry.message, scans[oldest].segment.epoch, scans[newest].segment.epoch});
    partials.erase(found);
    return;
  }
  RecoveredMessage& message = found->second.message;
  MessageState& state = message.state;
  if (std::ranges::includes(entry.state.settled, state.settled)) {
    message.noted = low(segment.epoch);
    message.is_scattered = false;
  } else if (message.noted != low(segment.epoch)) {
    message.is_scattered = true;
  }
  std::vector<uint32_t> all;
  std::ranges::set_union(state.settled, entry.state.settled, std::back_inserter(all));
  state = {entry.state.attempts, entry.state.next_attempt, std::move(all)};
}

void collect(std::vector<Scan>& scans, Recovered& out) {
  std::unordered_map<uint64_t, Partial> partials;
  for (SegmentIndex index = 0; index < scans.size(); ++index) {
    Scan& scan = scans[index];
    out.next_message = std::max(out.next_message, scan.start.message);
    for (const Found& found : std::exchange(scan.records, {})) {
      out.next_sequence = std::max(out.next_sequence, found.header.sequence + 1);
      if (found.header.kind != RecordKind::kChunk) continue;
      out.next_message = std::max(out.next_message, found.header.message + 1);
      add_chunk(partials[found.header.message], found, index, scans);
    }
  }
  // Journals after all chunks: a chunk may have been moved behind the entry that concerns it.
  for (SegmentIndex index = 0; index < scans.size(); ++index) {
    for (const auto& [sequence, payload] : scans[index].journals) {
      [[maybe_unused]] const bool good = read_entries(
          payload, [&](JournalEntry&& entry) { apply_entry(entry, scans, index, partials); });
    }
  }
  // What is done with goes at once: of a long queue this is what the process is largest with.
  out.messages.reserve(partials.size());
  for (auto found = partials.begin(); found != partials.end(); found = partials.erase(found)) {
    Partial& partial = found->second;
    if (!partial.complete || partial.present != partial.message.chunks.size()) {
      ++out.report.unacknowledged;
      continue;
    }
    if (partial.message.state.attempts == 0) ++out.report.untried;
    out.messages.push_back(std::move(partial.message));
  }
  std::ranges::sort(out.messages, {}, &RecoveredMessage::number);
  out.report.messages = out.messages.size();
}

}  // namespace

Result<Recovered> recover(ring::Kernel& kernel, const std::string& folder, uint64_t segment_octets,
                          Connectors& connectors) {
  auto scans = scan_folder(kernel, folder, segment_octets, connectors);
  if (!scans) return std::unexpected(scans.error());
  Recovered out;
  std::vector<Segment> free;
  std::erase_if(*scans, [&](Scan& scan) {
    if (scan.segment.used == 0) free.push_back(scan.segment);
    return scan.segment.used == 0;
  });
  sort_and_drop_copies(*scans, free);
  uint64_t tail = 0;
  for (const Scan& scan : *scans) {
    tail = std::max(tail, scan.start.tail_epoch);
    out.next_epoch = std::max(out.next_epoch, scan.segment.epoch + 1);
    out.next_sequence = std::max(out.next_sequence, scan.start.sequence);
    for (const Found& found : scan.records) tail = std::max(tail, found.header.tail_epoch);
  }
  // What lies before the tail was declared dead by a flush that completed.
  std::erase_if(*scans, [&](Scan& scan) {
    if (scan.segment.epoch >= tail) return false;
    scan.segment.used = 0;
    free.push_back(scan.segment);
    return true;
  });
  if (!scans->empty()) drop_torn_end(scans->back());
  std::vector<DroppedBy> dropped;
  drop_void_records(*scans, out.report, free, dropped);
  collect(*scans, out);
  for (const auto& [range, by] : dropped) {
    const auto scan = std::ranges::find(
        *scans, by, [](const Scan& candidate) { return candidate.segment.epoch; });
    if (range.last >= tail)
      out.dropped.emplace_back(range, static_cast<SegmentIndex>(scan - scans->begin()));
  }
  for (Scan& scan : *scans) out.segments.push_back(std::move(scan.segment));
  out.report.segments = static_cast<uint32_t>(out.segments.size());
  out.segments.insert(out.segments.end(), free.begin(), free.end());
  return out;
}

}  // namespace relais::spool
