// The mark by which a message of a load test is known again: one header field, early in the header.
//
//   X-Relais-Load: run=5f0c2a9e11d3b847 n=17 octets=10240 crc32c=1a2b3c4d
//
// `run` names the run of a generator, `n` the message in it. `octets` and `crc32c` are of the body:
// what stands behind the header's empty line, without dot-stuffing, its last line with the CRLF
// that ends it. DATA cannot carry a last line without one, BDAT can, and servers between the two
// add it: so where it is missing it is counted as if it were there. A message without the empty
// line, or with nothing behind it, has a body of 0 octets. Servers add fields to the header, and
// may write the empty line where it was missing; nobody may touch the body.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais::ledger {

inline constexpr std::string_view kMarkField = "X-Relais-Load";

struct BodySum {
  uint64_t octets = 0;
  uint32_t crc = 0;  // CRC-32C
  friend constexpr bool operator==(const BodySum&, const BodySum&) = default;
};

struct Mark {
  uint64_t run = 0;
  uint64_t number = 0;
  BodySum body;
  friend constexpr bool operator==(const Mark&, const Mark&) = default;
};

// The field, with its CRLF.
void append_mark(std::string& out, const Mark& mark);
// `field`: a line of a header, with or without its line end. Nothing: it is another field, or not a
// mark any more.
[[nodiscard]] std::optional<Mark> parse_mark(std::string_view field);

// The sum of a body that comes in pieces.
class BodySummer {
 public:
  void add(std::string_view piece);
  // With the CRLF that may be missing.
  [[nodiscard]] BodySum sum() const;

 private:
  BodySum sum_;
  char last_ = 0;
  bool ends_line_ = false;
};

[[nodiscard]] BodySum sum_of_body(std::string_view body);

}  // namespace relais::ledger
