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
  has_stuffed_dots_ = false;
  state_ = chunked_ ? State::kChunk : State::kData;
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
    if (state_ == State::kChunk && chunk_left_ == 0) {
      if (!last_chunk_) return end_chunk();
      end_last_chunk();
      continue;
    }
    if (input_.empty()) return {};
    scan_input();
  }
}

void Server::scan_input() {
  if (chunked_) return scan_chunk();
  const DataScanner::Result result = scan_content(input_);
  data_complete_ = result.end;
  input_.remove_prefix(result.consumed);
}

DataScanner::Result Server::scan_content(std::string_view wire) {
  const DataScanner::Result result = scanner_.scan(wire);
  ASSERT(result.consumed <= wire.size() && result.content <= result.consumed);
  held_ = std::string_view(".\r").substr(0, result.held);
  body_ = wire.substr(0, result.content);
  message_size_ += result.held + result.content - result.stuffed;
  has_stuffed_dots_ |= result.stuffed > 0;
  return result;
}

// The next piece of what scan_input() found.
bool Server::take_content(std::string_view& piece) {
  for (;;) {
    if (repairs() && repair_.take(piece)) return true;
    std::string_view& source = held_.empty() ? body_ : held_;
    if (source.empty()) return false;
    const std::string_view taken = std::exchange(source, {});
    if (!repairs()) {
      piece = taken;
      return true;
    }
    repair_.feed(taken);
  }
}

const Reply* Server::content_refusal() const {
  const bool bare = scanner_.bare_line_end() && options_->reject_bare_line_ends;
  const bool raw = is_binary() || options_->take_raw_content;
  if (!raw && (scanner_.nul() || bare)) return &replies::kBareLineEnd;
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
  return refusal == nullptr ? Event{.kind = Event::Kind::kDataEnd} : refuse_content(*refusal);
}

Event Server::refuse_content(const Reply& refusal) {
  const std::string_view verb = content_verb();
  refused_ = std::make_unique<const Transaction>(std::exchange(transaction_, {}));
  state_ = State::kReady;
  chunked_ = false;
  queue(refusal);
  return {.kind = Event::Kind::kDataRefused,
          .bytes = verb,
          .refused = refused_.get(),
          .reply = refusal};
}

}  // namespace relais::smtp
