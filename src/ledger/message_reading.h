// Reads a message as it comes in, cut anywhere: finds its mark and sums up its body. Takes content
// without dot-stuffing. Limit: a header field's line beyond kLineMax octets is no mark, and what it
// says is not kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ledger/mark.h"

namespace relais::ledger {

class MessageReading {
 public:
  static constexpr size_t kLineMax = 1000;

  void feed(std::string_view content);

  // The first good mark of the header. Nothing: a message of somebody else.
  [[nodiscard]] const std::optional<Mark>& mark() const { return mark_; }
  // Of all that was fed.
  [[nodiscard]] BodySum body() const { return body_.sum(); }

 private:
  void take_line(std::string_view line);

  std::string line_;  // the beginning of a header line that was cut
  bool in_body_ = false;
  std::optional<Mark> mark_;
  BodySummer body_;
};

}  // namespace relais::ledger
