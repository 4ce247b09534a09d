#include "smtp/header_filter.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "smtp/ascii.h"
#include "smtp/from_field.h"

namespace relais::smtp {
namespace {

struct Name {
  std::string_view text;
  bool is_prefix = false;
};

// Sorted, so that those that begin alike are neighbours and the shortest is the first of them.
constexpr std::array<Name, 14> kNames = {{
    {"from"},
    {"received"},
    {"resent-bcc"},
    {"resent-cc"},
    {"resent-date"},
    {"resent-from"},
    {"resent-message-id"},
    {"resent-sender"},
    {"resent-to"},
    {"x-ms-exchange-forest-", true},
    {"x-ms-exchange-organization-", true},
    {"x-ms-exchange-organization-authas"},
    {"x-ms-exchange-organization-authmechanism"},
    {"x-ms-exchange-organization-authsource"},
}};
constexpr size_t kFrom = 0;
constexpr size_t kReceived = 1;
constexpr size_t kForest = 9;
constexpr size_t kOrganization = 10;

constexpr bool may_begin_a_name(char c) {
  const char lower = to_lower(c);
  return lower == 'f' || lower == 'r' || lower == 'x';
}

constexpr bool ends_name(char c) { return c == ':' || is_blank(c) || c == '\r' || c == '\n'; }

}  // namespace

void HeaderFilter::reset(const HeaderRules& rules) {
  rules_ = &rules;
  reset();
}

void HeaderFilter::reset() {
  input_ = {};
  i_ = run_ = mark_ = kept_ = spent_ = 0;
  hold_.clear();
  at_ = At::kLineStart;
  field_ = Field::kNone;
  from_ = From::kNone;
  finished_ = false;
  watching_ = false;
  if (from_values_) from_values_->clear();
  by_.stop();
  octets_ = 0;
  hops_ = local_hops_ = 0;
}

void HeaderFilter::feed(std::string_view content) {
  ASSERT(rules_ != nullptr && input_.empty() && !finished_);
  input_ = content;
}

bool HeaderFilter::take(std::string_view& piece) {
  hold_.erase(0, spent_);
  spent_ = 0;
  for (;;) {
    if (at_ == At::kBody) mark_ = i_ = input_.size();
    if (i_ == input_.size()) return end_of_input(piece);
    if (step(piece)) return true;
  }
}

bool HeaderFilter::step(std::string_view& piece) {
  switch (at_) {
    case At::kLineStart:
    case At::kDot:
      return line_start(piece);
    case At::kName:
      name();
      return false;
    case At::kBeforeColon:
      return before_colon(piece);
    case At::kRest:
      return rest(piece);
    case At::kEmptyLine:
      empty_line();
      return false;
    case At::kBody:
      break;
  }
  ASSERT(false);
  return false;
}

bool HeaderFilter::line_start(std::string_view& piece) {
  const bool dotted = at_ == At::kDot;
  const char c = input_[i_];
  if (c == '.' && !dotted) {
    at_ = At::kDot;
    ++i_;
    return false;
  }
  if (!is_blank(c)) return new_line(dotted, piece);
  if (field_ != Field::kNone) {
    continue_field();
    return false;
  }
  // The first line continues nothing, so there is no header. Without an empty line it would become
  // a part of the last field that we put in front.
  octets_ = 0;
  at_ = At::kBody;
  kept_ = hold_.size();
  piece = "\r\n";
  return true;
}

void HeaderFilter::continue_field() {
  ++i_;
  if (watching_) watch(" ");
  at_ = At::kRest;
  switch (field_) {
    case Field::kDropped:
      hold_.resize(kept_);  // a dot
      run_ = mark_ = i_;
      break;
    case Field::kUndecided:
      at_ = At::kBeforeColon;
      break;
    case Field::kNone:
    case Field::kKept:
      decide(true);
      break;
  }
}

// At the first octet of a line that continues nothing; its dot, if it has one, may be in hold_.
bool HeaderFilter::new_line(bool dotted, std::string_view& piece) {
  const size_t dots_held = dotted && i_ == 0 ? 1 : 0;
  kept_ = hold_.size() - dots_held;  // a name without a colon was no field
  mark_ = i_ - (dotted ? 1 - dots_held : 0);
  if (from_ == From::kOpen) {
    if (pass(mark_, piece)) return true;
    if (from_ == From::kOpen) end_from();
  }
  by_.stop();
  watching_ = false;
  const char c = input_[i_];
  if (may_begin_a_name(c)) {
    at_ = At::kName;
    field_ = Field::kUndecided;
    first_ = 0;
    last_ = kNames.size();
    column_ = 0;
    return false;
  }
  decide(true);
  if (c == '\r' && !dotted) {
    at_ = At::kEmptyLine;
    mark_ = ++i_;
  }
  return false;
}

void HeaderFilter::name() {
  for (; i_ < input_.size(); ++i_) {
    const char c = to_lower(input_[i_]);
    if (ends_name(c)) {
      if (kNames[first_].text.size() == column_) {
        at_ = At::kBeforeColon;
      } else {
        decide(true);
      }
      return;
    }
    const auto has_it = [&](size_t n) {
      return kNames[n].text.size() > column_ && kNames[n].text[column_] == c;
    };
    while (first_ < last_ && !has_it(first_)) ++first_;
    while (first_ < last_ && !has_it(last_ - 1U)) --last_;
    if (first_ == last_) return decide(true);
    ++column_;
    if (!kNames[first_].is_prefix || kNames[first_].text.size() != column_) continue;
    if (removes(first_)) {
      ++i_;
      return decide(false);
    }
    if (++first_ == last_ || !rules_->stamped) return decide(true);
  }
}

// Blanks and folds here are obsolete syntax that receivers must take (RFC 5322 4.5.8).
bool HeaderFilter::before_colon(std::string_view& piece) {
  for (; i_ < input_.size(); ++i_) {
    const char c = input_[i_];
    const size_t undecided = hold_.size() - kept_ + i_ - mark_;
    if (c == ':' || undecided >= kNameMax) return matched(piece);
    if (c == '\n') {
      ++i_;
      at_ = At::kLineStart;
      return false;
    }
    if (!is_blank(c) && c != '\r') break;
  }
  if (i_ < input_.size()) decide(true);
  return false;
}

bool HeaderFilter::matched(std::string_view& piece) {
  watching_ = first_ == kFrom && rules_->watch_from;
  if (first_ == kFrom && rules_->display_names != nullptr) return begin_from(piece);
  if (first_ == kReceived) {
    if (hops_ != UINT32_MAX) ++hops_;
    by_.begin(rules_->own_names);
    if (input_[i_] == ':') ++i_;
  }
  decide(!removes(first_));
  return false;
}

bool HeaderFilter::removes(size_t name) const {
  if (name == kFrom) return false;
  if (name < kForest) return !rules_->keep_routing;
  if (name == kForest) return !rules_->keep_forest;
  return name == kOrganization ? !rules_->keep_organization : rules_->stamped;
}

void HeaderFilter::decide(bool keep) {
  at_ = At::kRest;
  field_ = keep ? Field::kKept : Field::kDropped;
  if (keep) {
    kept_ = hold_.size();
    mark_ = i_;
  } else {
    hold_.resize(kept_);
  }
}

bool HeaderFilter::rest(std::string_view& piece) {
  if (field_ == Field::kDropped && pass(mark_, piece)) return true;
  const void* end = std::memchr(input_.data() + i_, '\n', input_.size() - i_);
  const size_t next = end != nullptr
                          ? static_cast<size_t>(static_cast<const char*>(end) - input_.data()) + 1
                          : input_.size();
  if (by_.active() && by_.scan(input_.substr(i_, next - i_))) ++local_hops_;
  if (watching_) watch(input_.substr(i_, next - i_));
  i_ = mark_ = next;
  if (field_ == Field::kDropped) run_ = i_;
  if (end != nullptr) at_ = At::kLineStart;
  return false;
}

void HeaderFilter::empty_line() {
  if (input_[i_] != '\n') {
    at_ = At::kRest;
    return;
  }
  octets_ += ++i_;
  at_ = At::kBody;
  settle_from();
}

bool HeaderFilter::end_of_input(std::string_view& piece) {
  if (pass(mark_, piece)) return true;
  const bool dropped = field_ == Field::kDropped && at_ == At::kRest;
  if (!dropped) hold_.append(input_, mark_);
  if (at_ != At::kBody) octets_ += input_.size();
  input_ = {};
  i_ = run_ = mark_ = 0;
  return false;
}

// What is kept, up to `end`: to the caller, or behind a From field whose fate is open.
bool HeaderFilter::pass(size_t end, std::string_view& piece) {
  if (from_ == From::kOpen || from_ == From::kCandidate) {
    const size_t size = end - run_;
    ASSERT(size == 0 || hold_.size() == kept_);
    if (kept_ + size <= (from_ == From::kOpen ? kFromMax : kFromHeldMax)) {
      hold_.append(input_, run_, size);
      kept_ += size;
      run_ = end;
      return false;
    }
    settle_from();
  }
  if (kept_ != 0) {
    piece = std::string_view(hold_).substr(0, kept_);
    spent_ = std::exchange(kept_, 0);
    return true;
  }
  piece = input_.substr(run_, end - run_);
  run_ = end;
  return !piece.empty();
}

void HeaderFilter::finish() {
  ASSERT(input_.empty() && !finished_);
  finished_ = true;
  kept_ = hold_.size();
  if (from_ == From::kOpen) end_from();
  settle_from();
  at_ = At::kBody;
}

bool HeaderFilter::begin_from(std::string_view& piece) {
  if (from_ == From::kNone) {
    if (pass(mark_, piece)) return true;
    from_ = From::kOpen;
  } else if (from_ == From::kCandidate) {
    if (pass(mark_, piece)) return true;
    from_ = From::kSettled;  // two of them: neither is touched
  }
  decide(true);
  return false;
}

// hold_ is the whole field and nothing else.
void HeaderFilter::end_from() {
  const std::string_view field = std::string_view(hold_).substr(0, kept_);
  const std::string_view address = bare_from_address(field);
  from_ = From::kSettled;
  if (address.empty()) return;
  named_.clear();
  if (!append_from(named_, rules_->display_names->find(address), address)) return;
  from_ = From::kCandidate;
  from_octets_ = field.size();
}

void HeaderFilter::watch(std::string_view value) {
  if (!from_values_) from_values_ = std::make_unique<std::string>();
  std::string& values = *from_values_;
  values += value.substr(0, kFromWatchedMax - values.size());
}

void HeaderFilter::settle_from() {
  if (from_ == From::kCandidate) {
    hold_.replace(0, from_octets_, named_);
    kept_ += named_.size() - from_octets_;
  }
  from_ = From::kSettled;
}

}  // namespace relais::smtp
