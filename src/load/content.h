// What messages consist of. Bodies are made, or read, before the run and shared by all messages:
// sending one costs no copy and no checksum. In front of each goes a header of its own, which
// carries the mark (ledger/mark.h).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/prng.h"
#include "ledger/mark.h"
#include "load/size_mix.h"

namespace relais::load {

// How content goes over the wire.
enum class Form : uint8_t {
  kDotted,  // for DATA: dot-stuffed, with the final ".\r\n"
  kRaw,     // for BDAT
};

struct Body {
  std::string header;  // fields of a file of the corpus; behind those of ours
  std::string bytes;   // in the form that was asked for
  ledger::BodySum sum;
  bool eight_bit = false;
};

struct ContentOptions {
  Form form = Form::kDotted;
  uint64_t seed = 1;
  std::string sender;
  std::vector<std::string> recipients;
};

class Content {
 public:
  static constexpr uint64_t kCorpusMax = uint64_t{512} << 20;  // octets of all its files

  // Words in lines; a size is that of the whole message. An error is one line.
  [[nodiscard]] static std::expected<std::unique_ptr<Content>, std::string> generate(
      const SizeMix& mix, const ContentOptions& options);
  // A message from each file of the folder, and of those below it: its header where it has one, its
  // line ends made CRLF.
  [[nodiscard]] static std::expected<std::unique_ptr<Content>, std::string> read_corpus(
      const std::string& folder, const ContentOptions& options);

  // The body of the next message.
  [[nodiscard]] const Body& draw(Prng& random) const;
  // Replaces `out` by the header of message `number`, up to and including the empty line.
  void write_header(std::string& out, const Body& body, uint64_t number, WallTime date);

  [[nodiscard]] size_t bodies() const { return bodies_.size(); }
  [[nodiscard]] ledger::Mark mark_of(const Body& body, uint64_t number) const {
    return {run_, number, body.sum};
  }

 private:
  explicit Content(const ContentOptions& options);
  void add(Body body, Form form);

  SizeMix mix_;
  std::vector<Body> bodies_;
  std::vector<size_t> first_of_class_;  // generated: where a class begins in bodies_, and the end
  uint64_t run_;                        // different for each
  std::string fields_;  // the same for all messages, without the end of the last line
  std::string date_;    // Date, and the second that it is of
  int64_t date_second_ = -1;
};

// Lines end with CRLF, whatever they ended with. Pure.
[[nodiscard]] std::string with_crlf(std::string_view text);
// Dot-stuffed, with CRLF at its end and the final dot. Pure.
[[nodiscard]] std::string dotted(std::string_view raw);

}  // namespace relais::load
