// How the sink treats its clients where it shall not treat them well: rules that name a place in
// the dialogue, what happens there, and how often. Pure; chance comes from a seeded Prng, so a run
// with one thread and one client is the same each time.
//
//   --delay end=50ms-2s,10%       --answer rcpt=451,5%       --close-at content,1%
//   --answer-to '*@slow.contoso.com=450'
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/prng.h"

namespace relais::sink {

enum class Place : uint8_t {
  kConnect,  // before the banner
  kHello,    // EHLO and HELO
  kStartTls,
  kMail,
  kRecipient,
  kData,     // DATA, and each BDAT
  kContent,  // the first octets of content
  kEnd,      // the final reply
  kReset,
  kNoop,
  kQuit,
};
inline constexpr size_t kPlaces = 11;

// Of a million.
struct Chance {
  static constexpr uint32_t kAlways = 1'000'000;
  uint32_t millionth = kAlways;
  [[nodiscard]] bool happens(Prng& prng) const {
    return millionth == kAlways || prng.below(kAlways) < millionth;
  }
};

// What happens at a place, this time.
struct Act {
  Duration delay{};    // first
  bool close = false;  // then, in place of any reply
  uint16_t code = 0;   // a reply that refuses; 0: none
  [[nodiscard]] bool is_nothing() const { return delay.ns == 0 && !close && code == 0; }
};

class Behaviour {
 public:
  // Each takes what stands behind its option. A text: what is wrong with it, for a person.
  using Problem = std::optional<std::string>;
  [[nodiscard]] Problem add_delay(std::string_view rule);      // PLACE=TIME[-TIME][,P%]
  [[nodiscard]] Problem add_answer(std::string_view rule);     // PLACE=CODE[,P%]
  [[nodiscard]] Problem add_answer_to(std::string_view rule);  // PATTERN=CODE
  [[nodiscard]] Problem add_close(std::string_view rule);      // PLACE[,P%]
  [[nodiscard]] Problem set_tarpit(std::string_view rule);     // TIME[,P%]

  [[nodiscard]] bool has_rules_at(Place place) const {
    return !rules_[static_cast<size_t>(place)].empty();
  }
  // At a command line of any verb.
  [[nodiscard]] bool has_rules_for_verbs() const;
  [[nodiscard]] Act act_at(Place place, Prng& prng) const;
  // By --answer-to, first rule that fits; 0: none does.
  [[nodiscard]] uint16_t code_for(std::string_view recipient) const;
  // Between two octets of a reply, for this session; 0: it is none of those.
  [[nodiscard]] Duration draw_tarpit(Prng& prng) const;

 private:
  enum class What : uint8_t { kDelay, kAnswer, kClose };
  struct Rule {
    What what{};
    Duration least{};
    Duration most{};
    uint16_t code = 0;
    Chance chance{};
  };
  struct To {
    std::string pattern;
    uint16_t code = 0;
  };

  std::array<std::vector<Rule>, kPlaces> rules_;
  std::vector<To> to_;
  Duration tarpit_{};
  Chance tarpit_chance_;
};

// The place of a command by its verb; nothing: rules know none there.
[[nodiscard]] std::optional<Place> place_of_verb(std::string_view verb);
// "50ms", "2s", "1m"; up to an hour.
[[nodiscard]] std::optional<Duration> parse_time(std::string_view text);
// '*' stands for any octets. Letters of ASCII know no case.
[[nodiscard]] bool fits(std::string_view pattern, std::string_view text);

}  // namespace relais::sink
