// The journal entries that wait for a flush, in pages of one record each, and for each page what
// has to be known of it once it is on disk: a segment that is dropped one day (spool_drop.cpp) must
// not take along an entry that is still needed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/slab.h"
#include "spool/journal.h"
#include "spool/segments.h"

namespace relais::spool {

// An entry of a message's state; complete: it names all recipients that are settled.
struct StateNote {
  Handle message;
  bool complete = false;
};

struct Page {
  std::string bytes;
  std::vector<GoneNote> gone;
  std::vector<StateNote> states;
  std::vector<uint64_t> dropped;  // first epochs
};

class Pages {
 public:
  [[nodiscard]] bool empty() const { return pages_.empty(); }
  [[nodiscard]] size_t count() const { return pages_.size(); }
  [[nodiscard]] std::span<const Page> all() const { return pages_; }
  // The page that this entry stands on, whose lists are the caller's to extend. Valid until the
  // next call.
  [[nodiscard]] Page& add(const JournalEntry& entry);

  // The first so many are being written: nothing is added to them.
  void begin_write(size_t count) { in_flight_ = count; }
  // They have been, and are taken out: these, until the next call. Or have not, and stay.
  [[nodiscard]] std::span<const Page> take_written();
  void write_failed() { in_flight_ = 0; }
  // Pages that have been written so far, and that number when all that was added up to now will be.
  [[nodiscard]] uint64_t written() const { return written_; }
  [[nodiscard]] uint64_t end() const { return written_ + pages_.size(); }

 private:
  void add_page();

  std::vector<Page> pages_;
  std::vector<Page> taken_;
  std::vector<Page> spare_;  // their memory is used again
  size_t in_flight_ = 0;
  uint64_t written_ = 0;
  std::string scratch_;
};

}  // namespace relais::spool
