#include "spool/pages.h"

#include <iterator>

#include "spool/record.h"

namespace relais::spool {

Page& Pages::add(const JournalEntry& entry) {
  scratch_.clear();
  append_entry(scratch_, entry);
  if (pages_.size() <= in_flight_ || pages_.back().bytes.size() + scratch_.size() > kPayloadMax)
    pages_.emplace_back();
  pages_.back().bytes += scratch_;
  return pages_.back();
}

std::vector<Page> Pages::take_written() {
  const auto end = pages_.begin() + static_cast<ptrdiff_t>(in_flight_);
  std::vector<Page> written(std::make_move_iterator(pages_.begin()), std::make_move_iterator(end));
  pages_.erase(pages_.begin(), end);
  written_ += in_flight_;
  in_flight_ = 0;
  return written;
}

}  // namespace relais::spool
