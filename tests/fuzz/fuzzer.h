// What every fuzzer has: the octets to try, seeds, a dictionary, and a way to say that a property
// does not hold. A fuzzer is one file that gives material() and try_one(); driver.cpp joins it to
// libFuzzer. Each is linked twice: as fuzz_NAME, and as canary_NAME, where kCanary is true and its
// file does something wrong on a trigger that no seed holds. A test demands that this is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace relais::fuzz {

extern const bool kCanary;

// The last octets are choices (which options, where to cut ...), the others what is tried, so that
// a seed is a text as it stands in a table, with choices behind it.
class Input {
 public:
  static constexpr size_t kChoices = 24;
  explicit Input(std::string_view octets);
  // The next choice; 0 when none are left.
  [[nodiscard]] uint8_t byte();
  [[nodiscard]] size_t below(size_t limit);  // up to 65,536
  // Where to cut text() into pieces, in order. The choice 0 is: not at all.
  [[nodiscard]] std::vector<size_t> cuts();
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::string_view text_;
  std::string_view choices_;
};

// Choices that are not given are 0.
[[nodiscard]] std::string seed(std::string_view text, std::initializer_list<uint8_t> choices = {});

struct Material {
  std::vector<std::string> seeds;
  std::vector<std::string> dictionary;  // words that the syntax is made of
};

// ---- given by each fuzzer
[[nodiscard]] Material material();
void try_one(Input& input);

// ---- what was found: prints it and ends the program
[[noreturn]] void found(std::string_view property, std::string_view seen = {});
inline void must(bool holds, std::string_view property, std::string_view seen = {}) {
  if (!holds) found(property, seen);
}
void must_equal(std::string_view one, std::string_view other, std::string_view property);

// Octets in memory that ends where they end, so that AddressSanitizer sees what is read behind.
class Exactly {
 public:
  explicit Exactly(std::string_view octets);
  [[nodiscard]] std::string_view view() const { return {memory_.get(), size_}; }

 private:
  std::unique_ptr<char[]> memory_;
  size_t size_;
};

// Pieces of `octets`, one after the other.
template <typename Feed>
void in_pieces(std::string_view octets, const std::vector<size_t>& cuts, Feed&& feed) {
  size_t from = 0;
  for (const size_t cut : cuts) {
    feed(octets.substr(from, cut - from));
    from = cut;
  }
  feed(octets.substr(from));
}

}  // namespace relais::fuzz
