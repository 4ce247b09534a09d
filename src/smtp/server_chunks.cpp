// BDAT (RFC 3030): content in chunks of announced size. It becomes wire form as it comes in (a dot
// more in front of a line that begins with one, CRLF at its end), so everything behind the scanner
// is the same as for DATA. A chunk that may not be taken is skipped by its count and refused behind
// it; what cannot be counted ends the session, or content would be run as commands.
#include <algorithm>
#include <charconv>
#include <utility>

#include "base/assert.h"
#include "base/decimal.h"
#include "smtp/ascii.h"
#include "smtp/dotted_line.h"
#include "smtp/server.h"

namespace relais::smtp {
namespace {

// RFC 3030 section 2: chunk-size = 1*DIGIT, [LAST].
bool parse_chunk(std::string_view arguments, uint64_t& octets, bool& last) {
  std::string_view size = take_word(arguments);
  const char* const end = size.data() + size.size();
  if (size.empty() || !is_digit(size.front())) return false;
  const auto parsed = std::from_chars(size.data(), end, octets);
  if (parsed.ec != std::errc() || parsed.ptr != end) return false;
  skip_blanks(arguments);
  last = !arguments.empty();
  return arguments.empty() || equals_ignoring_case(arguments, "LAST");
}

}  // namespace

Event Server::run_bdat(std::string_view arguments, bool clean) {
  uint64_t octets = 0;
  bool last = false;
  if (!clean || !parse_chunk(arguments, octets, last)) return close_with(replies::kBadArguments);
  if (const Reply* refusal = chunk_refusal()) {
    return skip_over({.octets = octets, .verb = "BDAT", .refusal = refusal});
  }
  chunk_left_ = chunk_octets_ = octets;
  last_chunk_ = last;
  if (state_ == State::kRecipients) {
    chunked_ = true;
    return {.kind = Event::Kind::kData};
  }
  state_ = State::kChunk;
  return {};
}

const Reply* Server::chunk_refusal() const {
  if (!options_->chunking) return &replies::kUnrecognized;
  switch (state_) {
    case State::kNew:
      return &replies::kSendHello;
    case State::kReady:
      return &replies::kNeedMail;
    case State::kMail:
      return &replies::kNeedRecipient;
    default:
      return nullptr;
  }
}

// The caller does not want the message: its first chunk goes by, and then the client hears so. RFC
// 3030 section 2 leaves the transaction to a RSET; clients that pipeline more chunks are told that
// there is none.
void Server::skip_first_chunk(const Reply& reply) {
  transaction_.clear();
  state_ = State::kReady;
  excused_ = kPipelinedGroup;
  chunked_ = false;
  skip_over(
      {.octets = chunk_left_, .verb = "BDAT", .text = std::string(reply.text), .reply = reply});
}

Event Server::skip_over(Skip skip) {
  skip_ = std::make_unique<Skip>(std::move(skip));
  return skip_->octets == 0 ? end_skip() : Event{};
}

bool Server::skip_input() {
  const auto taken = std::min<uint64_t>(skip_->octets, input_.size());
  input_.remove_prefix(taken);
  skip_->octets -= taken;
  return skip_->octets == 0;
}

Event Server::end_skip() {
  const auto skip = std::move(skip_);
  if (skip->refusal != nullptr) return refuse(*skip->refusal, skip->verb);
  Reply reply = skip->reply;
  reply.text = skip->text;
  queue(reply);
  return {.kind = Event::Kind::kAnswered};
}

void Server::scan_chunk() {
  std::string_view raw = input_.substr(0, std::min<uint64_t>(chunk_left_, input_.size()));
  if (scanner_.at_line_start() && raw.front() == '.') scan_content(".");
  ASSERT(held_.empty() && body_.empty());
  raw = raw.substr(0, next_dotted_line(raw, scanner_.behind_cr()));
  const DataScanner::Result result = scan_content(raw);
  ASSERT(!result.end && result.content == raw.size());
  input_.remove_prefix(raw.size());
  chunk_left_ -= raw.size();
}

Event Server::end_chunk() {
  if (const Reply* refusal = content_refusal()) {
    excused_ = kPipelinedGroup;
    return refuse_content(*refusal);
  }
  state_ = State::kChunks;
  std::string text = "CHUNK received OK, ";
  append_decimal(text, chunk_octets_);
  text += " octets";
  queue({250, {2, 6, 0}, text});
  return {.kind = Event::Kind::kAnswered};
}

// Binary content ends where it ends. Text ends with a line end: we may have to send it with DATA.
void Server::end_last_chunk() {
  data_complete_ = true;
  if (is_binary() || scanner_.at_line_start()) return;
  // A lone CR at the end is repaired where others are.
  scan_content(scanner_.behind_cr() && !options_->reject_bare_line_ends ? "\n" : "\r\n");
}

}  // namespace relais::smtp
