#include "milter/content.h"

#include <algorithm>
#include <utility>

namespace relais::milter {
namespace {

// A line longer than this without a colon is no field (RFC 5322 2.1.1).
constexpr size_t kNameMax = 998;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// RFC 5322 3.6.8; blanks before the colon are obsolete, but a field.
std::string_view field_name(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  std::string_view name = line.substr(0, colon);
  while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
  const bool clean = std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
  return clean ? name : std::string_view{};
}

}  // namespace

void Content::reset() {
  input_ = {};
  held_.clear();
  at_ = At::kLineStart;
  body_line_start_ = true;
  ended_ = false;
}

Content::Piece Content::next() { return at_ == At::kBody ? next_in_body() : next_in_header(); }

Content::Piece Content::next_in_header() {
  for (;;) {
    const bool at_end = ended_ && input_.empty();
    if (input_.empty() && !at_end && at_ != At::kHeaderEnd) return {};
    switch (at_) {
      case At::kLineStart: {
        // Only the next line shows whether a field is complete.
        const bool folded = !at_end && is_blank(input_.front());
        if (!held_.empty() && !folded) return take_field();
        if (at_end) {
          at_ = At::kHeaderEnd;
        } else {
          begin_line();
        }
        break;
      }
      case At::kName:
        if (at_end) {
          end_first_line({});
        } else if (take_line(field_name(held_).empty() ? kNameMax - held_.size() : kFieldMax)) {
          end_first_line("\r\n");
        } else if (held_.size() >= kNameMax && field_name(held_).empty()) {
          at_ = At::kHeaderEnd;
          body_line_start_ = false;
        }
        break;
      case At::kFold:
        if (at_end || take_line(kFieldMax)) at_ = At::kLineStart;
        break;
      case At::kEmptyLine:
        at_ = At::kHeaderEnd;
        if (!at_end && input_.front() == '\n') {
          input_.remove_prefix(1);
        } else {
          held_ = '\r';
          body_line_start_ = false;
        }
        break;
      case At::kHeaderEnd:
        at_ = At::kBody;
        return {.kind = Piece::Kind::kEndOfHeader, .name = {}, .bytes = {}};
      case At::kBody:
        return next_in_body();
    }
  }
}

void Content::begin_line() {
  const char first = input_.front();
  if (is_blank(first)) {
    if (held_.empty()) {  // a fold of nothing
      at_ = At::kHeaderEnd;
      return;
    }
    held_ += '\n';
    at_ = At::kFold;
  } else if (first == '\r') {
    input_.remove_prefix(1);
    at_ = At::kEmptyLine;
  } else {
    if (first == '.') input_.remove_prefix(1);  // stuffing
    at_ = At::kName;
  }
}

// Up to its end, but at most `octets`. True: the line end was there (and is not kept).
bool Content::take_line(size_t octets) {
  const std::string_view bytes = input_.substr(0, input_.substr(0, octets).find('\n'));
  const std::string_view taken = bytes.substr(0, std::min(octets, bytes.size()));
  held_ += taken.substr(0, kFieldMax - std::min(kFieldMax, held_.size()));
  input_.remove_prefix(taken.size());
  if (taken.size() == octets || input_.empty()) return false;
  input_.remove_prefix(1);
  if (!held_.empty() && held_.back() == '\r') held_.pop_back();
  return true;
}

void Content::end_first_line(std::string_view line_end) {
  if (!field_name(held_).empty()) {
    at_ = At::kLineStart;
    return;
  }
  held_ += line_end;
  body_line_start_ = true;
  at_ = At::kHeaderEnd;
}

Content::Piece Content::take_field() {
  std::swap(given_, held_);
  held_.clear();
  const std::string_view field = given_;
  return {.kind = Piece::Kind::kField,
          .name = field_name(field),
          .bytes = field.substr(field.find(':') + 1)};
}

Content::Piece Content::next_in_body() {
  if (!held_.empty()) {
    std::swap(given_, held_);
    held_.clear();
    return {.kind = Piece::Kind::kBody, .name = {}, .bytes = given_};
  }
  if (body_line_start_ && !input_.empty() && input_.front() == '.') {
    input_.remove_prefix(1);
    body_line_start_ = false;
  }
  if (input_.empty()) return {};
  const size_t stuffed = input_.find("\n.");
  const std::string_view bytes =
      input_.substr(0, stuffed == std::string_view::npos ? stuffed : stuffed + 1);
  input_.remove_prefix(bytes.size());
  body_line_start_ = bytes.back() == '\n';
  return {.kind = Piece::Kind::kBody, .name = {}, .bytes = bytes};
}

}  // namespace relais::milter
