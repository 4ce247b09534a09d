#include "smtp/from_domains.h"

#include <cstdint>

#include "smtp/ascii.h"

namespace relais::smtp {
namespace {

constexpr bool is_loose_domain_octet(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
}

// One address without comments and blanks.
class Address {
 public:
  void clear() { *this = {}; }
  void add(char c, bool quoted) {
    if (gap_)
      broken_ |=
          !text_.empty() && c != '.' && c != '@' && text_.back() != '.' && text_.back() != '@';
    gap_ = false;
    // A second @ is where readers part.
    if (c == '@' && !quoted) {
      broken_ |= at_ != std::string::npos;
      at_ = text_.size();
    }
    text_ += c;
  }
  void gap() { gap_ = !text_.empty(); }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  // False: this is no address.
  [[nodiscard]] bool domain(std::string& out) const {
    if (broken_ || at_ == std::string::npos || at_ == 0) return false;
    out = text_.substr(at_ + 1);
    if (out.ends_with('.')) out.pop_back();
    if (out.empty()) return false;
    for (const char c : out) {
      if (!is_loose_domain_octet(c)) return false;
    }
    return true;
  }

 private:
  std::string text_;
  size_t at_ = std::string::npos;
  bool gap_ = false;
  bool broken_ = false;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool read(std::vector<std::string>& domains) {
    for (; i_ < text_.size(); ++i_) {
      const char c = text_[i_];
      if (c == '(') {
        if (!skip_comment()) return false;
        current().gap();
      } else if (c == '"') {
        if (!read_quoted()) return false;
      } else if (is_folding(c)) {
        current().gap();
      } else if (c == ',' && !in_angle_) {
        if (!end_mailbox(domains)) return false;
      } else if (c == ';' && !in_angle_) {
        if (!in_group_ || !end_mailbox(domains)) return false;
        in_group_ = false;
      } else if (c == ':' && !in_angle_) {
        if (in_group_ || had_angle_ || words_.empty()) return false;
        in_group_ = true;
        words_.clear();
      } else if (c == '<') {
        if (in_angle_ || had_angle_) return false;
        in_angle_ = had_angle_ = true;
      } else if (c == '>') {
        if (!in_angle_) return false;
        in_angle_ = false;
      } else if (c == ')' || c == '\\' || c == '\0' || (had_angle_ && !in_angle_)) {
        return false;
      } else {
        current().add(c, false);
      }
    }
    return !in_angle_ && !in_group_ && end_mailbox(domains) && !domains.empty();
  }

 private:
  Address& current() { return in_angle_ ? angle_ : words_; }

  bool skip_comment() {
    uint32_t depth = 0;
    for (; i_ < text_.size(); ++i_) {
      const char c = text_[i_];
      if (c == '\\') ++i_;
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) return true;
    }
    return false;
  }

  bool read_quoted() {
    if (had_angle_ && !in_angle_) return false;
    current().add('"', true);
    for (++i_; i_ < text_.size(); ++i_) {
      char c = text_[i_];
      if (c == '"') {
        current().add('"', true);
        return true;
      }
      if (c == '\\' && ++i_ < text_.size()) c = text_[i_];
      if (!is_folding(c)) current().add(c, true);
    }
    return false;
  }

  // An empty place in a list is obsolete syntax and allowed.
  bool end_mailbox(std::vector<std::string>& domains) {
    const Address& address = had_angle_ ? angle_ : words_;
    const bool skip = !had_angle_ && words_.empty();
    std::string domain;
    if (!skip) {
      if (!address.domain(domain)) return false;
      domains.push_back(std::move(domain));
    }
    words_.clear();
    angle_.clear();
    had_angle_ = false;
    return true;
  }

  std::string_view text_;
  size_t i_ = 0;
  Address words_;  // outside of angle brackets: a display name, or the address itself
  Address angle_;
  bool in_angle_ = false;
  bool had_angle_ = false;
  bool in_group_ = false;
};

}  // namespace

std::optional<std::vector<std::string>> from_domains(std::string_view values) {
  std::vector<std::string> domains;
  while (!values.empty()) {
    // A field ends at a line end that no blank follows.
    size_t end = 0;
    do {
      end = values.find('\n', end);
      end = end == std::string_view::npos ? values.size() : end + 1;
    } while (end < values.size() && is_blank(values[end]));
    std::vector<std::string> found;
    if (values.front() != ':' || !Reader(values.substr(1, end - 1)).read(found))
      return std::nullopt;
    domains.insert(domains.end(), found.begin(), found.end());
    values.remove_prefix(end);
  }
  return domains;
}

}  // namespace relais::smtp
