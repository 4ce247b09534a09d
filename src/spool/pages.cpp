#include "spool/pages.h"

#include <iterator>
#include <utility>

#include "spool/record.h"

namespace relais::spool {
namespace {

constexpr size_t kSpareMax = 8;  // pages whose memory is kept

}  // namespace

Page& Pages::add(const JournalEntry& entry) {
  scratch_.clear();
  append_entry(scratch_, entry);
  if (pages_.size() <= in_flight_ || pages_.back().bytes.size() + scratch_.size() > kPayloadMax)
    add_page();
  pages_.back().bytes += scratch_;
  return pages_.back();
}

void Pages::add_page() {
  if (spare_.empty()) {
    pages_.emplace_back();
    return;
  }
  Page page = std::move(spare_.back());
  spare_.pop_back();
  page.bytes.clear();
  page.gone.clear();
  page.states.clear();
  page.dropped.clear();
  pages_.push_back(std::move(page));
}

std::span<const Page> Pages::take_written() {
  for (Page& page : taken_) {
    if (spare_.size() < kSpareMax) spare_.push_back(std::move(page));
  }
  const auto end = pages_.begin() + static_cast<ptrdiff_t>(in_flight_);
  taken_.assign(std::make_move_iterator(pages_.begin()), std::make_move_iterator(end));
  pages_.erase(pages_.begin(), end);
  written_ += std::exchange(in_flight_, 0);
  return taken_;
}

}  // namespace relais::spool
