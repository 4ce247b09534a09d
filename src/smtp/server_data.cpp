// The data phase: from the 354 to the answer to kDataEnd. Content that turns out to be illegal or
// too much is discarded up to its real end and refused there, whatever came first in it, so that
// the reply does not depend on how the bytes were cut.
#include <utility>

#include "base/assert.h"
#include "smtp/server.h"

namespace relais::smtp {

void Server::begin_data() {
  ASSERT(state_ == State::kRecipients);
  scanner_.reset();
  header_.reset();
  repair_.reset();
  message_size_ = 0;
  state_ = State::kData;
}

Event Server::next_in_data() {
  for (;;) {
    std::string_view piece;
    while (header_.take(piece)) {
      if (content_refusal() == nullptr) return {.kind = Event::Kind::kBody, .bytes = piece};
    }
    if (take_content(piece)) {
      header_.feed(piece);
      continue;
    }
    if (data_complete_) {
      if (header_.finished()) return finish_data();
      header_.finish();
      continue;
    }
    if (input_.empty()) return {};
    scan_input();
  }
}

void Server::scan_input() {
  const DataScanner::Result result = scanner_.scan(input_);
  ASSERT(result.consumed <= input_.size() && result.content <= result.consumed);
  held_ = std::string_view(".\r").substr(0, result.held);
  body_ = input_.substr(0, result.content);
  data_complete_ = result.end;
  message_size_ += result.held + result.content - result.stuffed;
  input_.remove_prefix(result.consumed);
}

// The next piece of what scan_input() found.
bool Server::take_content(std::string_view& piece) {
  for (;;) {
    if (!options_->reject_bare_line_ends && repair_.take(piece)) return true;
    std::string_view& source = held_.empty() ? body_ : held_;
    if (source.empty()) return false;
    const std::string_view taken = std::exchange(source, {});
    if (options_->reject_bare_line_ends) {
      piece = taken;
      return true;
    }
    repair_.feed(taken);
  }
}

const Reply* Server::content_refusal() const {
  if (scanner_.nul() || (scanner_.bare_line_end() && options_->reject_bare_line_ends)) {
    return &replies::kBareLineEnd;
  }
  if (over_size_limit(message_size_)) return &replies::kTooLarge;
  if (header_.octets() > options_->max_header_size) return &replies::kHeaderTooLarge;
  if (header_.hops() > options_->max_hop_count) return &replies::kHopCount;
  if (options_->max_local_hop_count != 0 && header_.local_hops() > options_->max_local_hop_count) {
    return &replies::kHopCount;
  }
  return nullptr;
}

bool Server::over_size_limit(uint64_t octets) const {
  return options_->limit_message_size && options_->max_message_size != 0 &&
         octets > options_->max_message_size;
}

Event Server::finish_data() {
  data_complete_ = false;
  const Reply* refusal = content_refusal();
  if (refusal == nullptr) return {.kind = Event::Kind::kDataEnd};
  transaction_.clear();
  state_ = State::kReady;
  queue(*refusal);
  return {.kind = Event::Kind::kDataRefused, .reply = *refusal};
}

}  // namespace relais::smtp
