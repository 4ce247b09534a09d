// Two ledgers held against each other: for each message and recipient, has what was accepted come,
// once, and undamaged? Pure: takes the texts of the files, which must outlive the Comparison.
//
// A recipient that one line names twice counts once. Domains know no case. A message may stand in
// several lines of `sent` (a client that tries again under the same number): then as many as were
// accepted must come, and as many more may come as are unknown.
//
// Memory: 40 octets for each message and recipient of both sides, beside the texts. Limit: 2^32
// lines a side, runs of 2^32 in number.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/line.h"

namespace relais::ledger {

struct Ledger {
  std::string name;  // for findings: the file's
  std::string_view text;
};

enum class Finding : uint8_t {
  // What makes a run bad.
  kMissing,     // accepted, and never received
  kDuplicate,   // received more often than accepted; each arrival too many counts
  kDamaged,     // received with another body than was sent
  kUnexpected,  // received, and never sent, or refused; each arrival counts
  // What is listed apart, since nobody can say that it is wrong.
  kUnknownArrived,   // no reply was heard, and it has arrived
  kUnknownNotThere,  // no reply was heard, and it has not
};
inline constexpr size_t kFindings = 6;
[[nodiscard]] std::string_view name_of(Finding finding);
[[nodiscard]] constexpr bool is_bad(Finding finding) { return finding <= Finding::kUnexpected; }

struct Example {
  uint64_t run = 0;
  uint64_t number = 0;
  std::string recipient;
};

struct Comparison {
  static constexpr size_t kExamplesMax = 10;  // of each finding

  // Messages and recipients, that is, pairs of them.
  uint64_t sent = 0;
  uint64_t accepted = 0;
  uint64_t refused = 0;
  uint64_t unknown = 0;
  uint64_t received = 0;    // answered with 2xx by the server that received them
  uint64_t turned_off = 0;  // it answered otherwise, or not at all: not in any finding
  uint64_t unmarked = 0;    // received, and without a mark: somebody else's mail

  struct Of {
    uint64_t count = 0;
    std::vector<Example> examples;
  };
  std::array<Of, kFindings> findings;

  [[nodiscard]] Of& of(Finding finding) { return findings[static_cast<size_t>(finding)]; }
  [[nodiscard]] const Of& of(Finding finding) const {
    return findings[static_cast<size_t>(finding)];
  }
  [[nodiscard]] bool good() const;
};

// An error is for a person: "FILE:LINE: ...".
[[nodiscard]] std::expected<Comparison, std::string> compare(const Ledger& sent,
                                                             const Ledger& received);

}  // namespace relais::ledger
