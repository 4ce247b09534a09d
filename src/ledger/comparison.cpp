#include "ledger/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <tuple>

namespace relais::ledger {
namespace {

// One message and recipient of one line.
struct Entry {
  uint64_t number;
  uint64_t recipient;  // hash
  uint64_t line_at;    // where its line begins in the text
  uint64_t octets;
  uint32_t crc;
  uint32_t run : 30;  // index
  uint32_t fate : 2;
  [[nodiscard]] auto key() const { return std::tuple(run, number, recipient); }
};
static_assert(sizeof(Entry) == 40);

// FNV-1a. Within one message a collision would join two recipients: at 64 bits nobody sees one.
uint64_t hash_of(std::string_view recipient) {
  const size_t at = recipient.rfind('@');
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < recipient.size(); ++i) {
    const char c = recipient[i];
    const bool upper = i > at && c >= 'A' && c <= 'Z' && at != std::string_view::npos;
    hash = (hash ^ static_cast<uint8_t>(upper ? c | 0x20 : c)) * 0x100000001b3;
  }
  return hash;
}

// Numbers of runs, in order of their first line. There are a few.
class Runs {
 public:
  uint32_t index_of(uint64_t run) {
    if (last_ < runs_.size() && runs_[last_] == run) return last_;
    const auto found = std::ranges::find(runs_, run);
    last_ = static_cast<uint32_t>(found - runs_.begin());
    if (found == runs_.end()) runs_.push_back(run);
    return last_;
  }

 private:
  std::vector<uint64_t> runs_;
  uint32_t last_ = 0;
};

using Entries = std::vector<Entry>;

class Reader {
 public:
  Reader(const Ledger& ledger, Kind kind, Runs& runs) : ledger_(ledger), kind_(kind), runs_(runs) {}

  std::expected<Entries, std::string> read();
  [[nodiscard]] uint64_t unmarked() const { return unmarked_; }
  [[nodiscard]] uint64_t turned_off() const { return turned_off_; }

 private:
  std::string problem(std::string_view what) const {
    return fmt::format("{}:{}: {}", ledger_.name, number_, what);
  }
  void add(const Line& line, uint64_t line_at);
  void add_marked(const Line& line, uint64_t line_at);

  const Ledger& ledger_;
  Kind kind_;
  Runs& runs_;
  uint64_t number_ = 0;
  Entries entries_;
  uint64_t unmarked_ = 0;
  uint64_t turned_off_ = 0;
};

std::expected<Entries, std::string> Reader::read() {
  const std::string_view first = first_line(kind_).substr(0, first_line(kind_).size() - 1);
  const std::string_view text = ledger_.text;
  for (size_t at = 0; at < text.size();) {
    ++number_;
    const size_t end = text.find('\n', at);
    if (end == std::string_view::npos)
      return std::unexpected(problem("the line is torn: it has no end"));
    const std::string_view line_text = text.substr(at, end - at);
    if (line_text != first) {
      if (number_ == 1) break;
      const auto line = parse_line(kind_, line_text);
      if (!line) return std::unexpected(problem("the line is damaged: it is none of a ledger"));
      add(*line, at);
    }
    at = end + 1;
  }
  if (number_ == 0 || !text.starts_with(first_line(kind_))) {
    number_ = 1;
    return std::unexpected(problem(fmt::format("'{}' is expected here", first)));
  }
  std::ranges::sort(entries_, {}, [](const Entry& entry) {
    return std::tuple(entry.run, entry.number, entry.recipient, entry.line_at);
  });
  const auto [begin, end] = std::ranges::unique(entries_, {}, [](const Entry& entry) {
    return std::tuple(entry.run, entry.number, entry.recipient, entry.line_at);
  });
  entries_.erase(begin, end);
  return std::move(entries_);
}

void Reader::add(const Line& line, uint64_t line_at) {
  const bool counts = kind_ == Kind::kSent || line.fate == Fate::kAccepted;
  if (counts && line.mark) return add_marked(line, line_at);
  const auto recipients = 1 + static_cast<uint64_t>(std::ranges::count(line.recipients, ' '));
  (counts ? unmarked_ : turned_off_) += recipients;
}

void Reader::add_marked(const Line& line, uint64_t line_at) {
  const BodySum& body = kind_ == Kind::kSent ? line.mark->body : line.counted;
  Entry entry{.number = line.mark->number,
              .recipient = 0,
              .line_at = line_at,
              .octets = body.octets,
              .crc = body.crc,
              .run = runs_.index_of(line.mark->run) & 0x3fff'ffff,
              .fate = static_cast<uint32_t>(line.fate) & 3};
  std::string_view recipients = line.recipients;
  while (!recipients.empty()) {
    entry.recipient = hash_of(take_recipient(recipients));
    entries_.push_back(entry);
  }
}

// All lines of one message and recipient, on one side.
using Group = std::span<const Entry>;

// Takes the group that begins at `at`, if it is of this key.
Group take_group(const Entries& entries, size_t& at, const Entry& like) {
  const size_t begin = at;
  while (at < entries.size() && entries[at].key() == like.key()) ++at;
  return Group(entries).subspan(begin, at - begin);
}

uint64_t count_of(Group group, Fate fate) {
  return static_cast<uint64_t>(std::ranges::count_if(
      group, [&](const Entry& entry) { return entry.fate == static_cast<uint32_t>(fate); }));
}

class Comparing {
 public:
  Comparing(const Ledger& sent, const Ledger& received) : sent_(sent), received_(received) {}
  std::expected<Comparison, std::string> run();

 private:
  void judge(Group sent, Group received);
  void judge_bodies(Group sent, Group received);
  void find(Finding finding, uint64_t count, Group sent, Group received);
  [[nodiscard]] Example example_of(const Entry& entry, Kind kind) const;

  const Ledger& sent_;
  const Ledger& received_;
  Comparison result_;
};

std::expected<Comparison, std::string> Comparing::run() {
  Runs runs;
  Reader sent_reader(sent_, Kind::kSent, runs);
  const auto sent = sent_reader.read();
  if (!sent) return std::unexpected(sent.error());
  Reader received_reader(received_, Kind::kReceived, runs);
  const auto received = received_reader.read();
  if (!received) return std::unexpected(received.error());
  result_.turned_off = received_reader.turned_off();
  result_.unmarked = received_reader.unmarked();

  size_t s = 0;
  size_t r = 0;
  while (s < sent->size() || r < received->size()) {
    const bool sent_first =
        r == received->size() || (s < sent->size() && (*sent)[s].key() <= (*received)[r].key());
    const Entry like = sent_first ? (*sent)[s] : (*received)[r];
    const Group sent_group = take_group(*sent, s, like);
    judge(sent_group, take_group(*received, r, like));
  }
  return std::move(result_);
}

void Comparing::judge(Group sent, Group received) {
  const uint64_t accepted = count_of(sent, Fate::kAccepted);
  const uint64_t unknown = count_of(sent, Fate::kUnknown);
  const uint64_t arrived = received.size();
  result_.sent += sent.size();
  result_.accepted += accepted;
  result_.unknown += unknown;
  result_.refused += sent.size() - accepted - unknown;
  result_.received += arrived;

  if (arrived < accepted) find(Finding::kMissing, accepted - arrived, sent, received);
  const uint64_t of_unknown = arrived > accepted ? std::min(arrived - accepted, unknown) : 0;
  find(Finding::kUnknownArrived, of_unknown, sent, received);
  find(Finding::kUnknownNotThere, unknown - of_unknown, sent, received);
  const bool expected = accepted + unknown > 0;
  if (arrived > accepted + unknown)
    find(expected ? Finding::kDuplicate : Finding::kUnexpected, arrived - accepted - unknown, sent,
         received);
  if (expected) judge_bodies(sent, received);
}

// A number may have been used for one body only, so the first line tells.
void Comparing::judge_bodies(Group sent, Group received) {
  const Entry& meant = sent.front();
  const auto damaged = std::ranges::count_if(received, [&](const Entry& entry) {
    return entry.octets != meant.octets || entry.crc != meant.crc;
  });
  find(Finding::kDamaged, static_cast<uint64_t>(damaged), sent, received);
}

void Comparing::find(Finding finding, uint64_t count, Group sent, Group received) {
  if (count == 0) return;
  Comparison::Of& of = result_.of(finding);
  of.count += count;
  if (of.examples.size() == Comparison::kExamplesMax) return;
  of.examples.push_back(sent.empty() ? example_of(received.front(), Kind::kReceived)
                                     : example_of(sent.front(), Kind::kSent));
}

// Read once more from its line, since only a hash of the recipient was kept.
Example Comparing::example_of(const Entry& entry, Kind kind) const {
  const std::string_view text = kind == Kind::kSent ? sent_.text : received_.text;
  const size_t end = text.find('\n', entry.line_at);
  const auto line = parse_line(kind, text.substr(entry.line_at, end - entry.line_at));
  std::string_view recipients = line->recipients;
  std::string_view recipient;
  do {
    recipient = take_recipient(recipients);
  } while (hash_of(recipient) != entry.recipient);
  return {line->mark->run, line->mark->number, plain_recipient(recipient)};
}

}  // namespace

std::string_view name_of(Finding finding) {
  constexpr std::array<std::string_view, kFindings> kNames = {
      "missing", "duplicate", "damaged", "unexpected", "unknown, arrived", "unknown, not there"};
  return kNames[static_cast<size_t>(finding)];
}

bool Comparison::good() const {
  for (size_t i = 0; i < kFindings; ++i) {
    if (is_bad(static_cast<Finding>(i)) && findings[i].count > 0) return false;
  }
  return true;
}

std::expected<Comparison, std::string> compare(const Ledger& sent, const Ledger& received) {
  return Comparing(sent, received).run();
}

}  // namespace relais::ledger
