// The header firewall (exchange-reference.md section 6): stands between the data scanner and
// whoever takes the content, looks once at the header block as it passes, cut anywhere, and passes
// on all but the fields that the session may not send. It also counts what the limits of the header
// need, and puts a display name into the From field of an internal sender.
//
//   filter.feed(content); std::string_view piece; while (filter.take(piece)) ...
//   filter.finish();      while (filter.take(piece)) ...
//
// Input is wire form: CRLF lines, dot-stuffed (a dot in front of a line is not part of it), as the
// scanner found it legal; any other octets do no harm. What is kept is passed on as views of the
// input. Copied are only the beginning of a line whose field is undecided where the input was cut
// (kNameMax octets at most), and, where a display name may be put in, the fields from From on
// (kFromHeldMax). The block ends at the first empty line and nowhere else: a line that is no field
// does not end it, or what stands behind it could reach a next hop that reads on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/received_by.h"

namespace relais::smtp {

// Who has which display name. Of a session's sender the address book knows it; see policy.
class DisplayNames {
 public:
  virtual ~DisplayNames() = default;
  // UTF-8, without controls; empty: not known. Valid as long as the object.
  [[nodiscard]] virtual std::string_view find(std::string_view address) const = 0;
};

// What a session's rights make of a header.
struct HeaderRules {
  bool keep_routing = true;  // Received; Resent-Date, -From, -Sender, -To, -Cc, -Bcc, -Message-ID
  bool keep_organization = false;  // X-MS-Exchange-Organization-*
  bool keep_forest = false;        // X-MS-Exchange-Forest-*
  // We put AuthAs, AuthSource and AuthMechanism in front ourselves (append_auth_headers), so that
  // none of the client's may stand beside them, whatever else is kept.
  bool stamped = false;
  bool watch_from = false;                      // keep what From fields say, for from_values()
  const DisplayNames* display_names = nullptr;  // borrowed; null: From stays as it is
  // Of this server, lower case: host names, and addresses as text. For local_hops().
  std::vector<std::string> own_names;
};

class HeaderFilter {
 public:
  // From the start of a field to its colon; a field whose name is followed by more blanks than that
  // is taken for what its name says.
  static constexpr size_t kNameMax = 256;
  static constexpr size_t kFromMax = 2000;  // a longer From field is left as it is
  static constexpr size_t kFromWatchedMax = 16'384;
  static constexpr size_t kFromHeldMax = 8192;  // second From fields are looked for so far

  // `rules` is borrowed until the next reset.
  void reset(const HeaderRules& rules);
  void reset();  // forgets all content; the rules stay
  // Only when take() has returned false. Cheap once the block has ended.
  void feed(std::string_view content);
  // The content is complete.
  void finish();
  // The next piece, never empty; valid until the next call of anything here, and as long as the
  // input. False: the input is used up.
  [[nodiscard]] bool take(std::string_view& piece);

  [[nodiscard]] bool header_ended() const { return at_ == At::kBody; }
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] bool needs_input() const { return input_.empty(); }
  // Each From field from its colon on, with its CRLF. More than kFromWatchedMax
  // octets are cut, and so end without one.
  [[nodiscard]] std::string_view from_values() const {
    return from_values_ ? std::string_view(*from_values_) : std::string_view();
  }
  // What came in, before any removal. `octets` with the empty line.
  [[nodiscard]] uint64_t octets() const { return octets_; }
  [[nodiscard]] uint32_t hops() const { return hops_; }              // Received fields
  [[nodiscard]] uint32_t local_hops() const { return local_hops_; }  // of those, by own_names

 private:
  enum class At : uint8_t {
    kLineStart,
    kDot,          // behind a dot at a line start
    kName,         // in a beginning of one or more of the names that we know
    kBeforeColon,  // behind a whole name, and perhaps blanks and folds
    kRest,         // of a line: only its end matters
    kEmptyLine,    // behind the CR of a line that has nothing else
    kBody,
  };
  enum class Field : uint8_t {
    kNone,       // no line yet
    kKept,       // or a line that is no field
    kUndecided,  // its name is whole and its colon has not come
    kDropped,
  };
  enum class From : uint8_t {
    kNone,       // not seen, or not looked for
    kOpen,       // we are in it, and hold it
    kCandidate,  // it gets a name if no second one follows; what follows is held
    kSettled,
  };

  // Those that return bool: true, there is a piece; the step is taken again behind it.
  bool step(std::string_view& piece);
  bool line_start(std::string_view& piece);
  bool new_line(bool dotted, std::string_view& piece);
  void continue_field();
  void name();
  bool before_colon(std::string_view& piece);
  bool matched(std::string_view& piece);
  bool rest(std::string_view& piece);
  void empty_line();
  bool end_of_input(std::string_view& piece);
  bool pass(size_t end, std::string_view& piece);
  void decide(bool keep);
  bool removes(size_t name) const;
  bool begin_from(std::string_view& piece);
  void end_from();
  void settle_from();
  void watch(std::string_view value);

  const HeaderRules* rules_ = nullptr;
  std::string_view input_;
  size_t i_ = 0;  // octets of input_ that were looked at
  // input_[run_, mark_) is kept and not passed on yet; [mark_, i_) is undecided. Of a dropped field
  // both follow i_ once what stands before it was passed on.
  size_t run_ = 0;
  size_t mark_ = 0;
  // Octets from earlier input: kept_ of them are decided, the rest is the beginning of what is
  // undecided. At the front may be what was passed on with the last piece.
  std::string hold_;
  size_t kept_ = 0;
  size_t spent_ = 0;

  At at_ = At::kLineStart;
  Field field_ = Field::kNone;
  From from_ = From::kNone;
  bool finished_ = false;
  bool watching_ = false;  // we are in a From field
  uint8_t first_ = 0;      // kName: names [first_, last_) begin with the column_ octets so far
  uint8_t last_ = 0;
  uint32_t column_ = 0;
  size_t from_octets_ = 0;  // kCandidate: of hold_
  std::string named_;       // kCandidate: the From field that takes the place of those
  std::unique_ptr<std::string> from_values_;  // made when there is something to watch
  ReceivedBy by_;
  uint64_t octets_ = 0;
  uint32_t hops_ = 0;
  uint32_t local_hops_ = 0;
};

}  // namespace relais::smtp
