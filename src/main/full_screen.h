// A terminal as a full-screen view needs it, with plain ANSI escapes (ECMA-48, and xterm's
// alternate screen): while the object lives the alternate screen is shown, the cursor hidden, keys
// are not echoed. Its end gives the terminal back as it was, and so do SIGINT, SIGTERM, SIGHUP and
// SIGQUIT, which end the program with status 0. One object at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace relais {

class FullScreen {
 public:
  // Standard input and output are one that understands escapes; else why not, for people.
  [[nodiscard]] static std::string why_not();

  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  struct Size {
    size_t columns = 80;
    size_t lines = 24;
  };
  [[nodiscard]] Size size() const;
  // Replaces what is shown. Lines are no longer than the screen is wide.
  void show(const std::vector<std::string>& lines);

  enum class Woken { kTime, kResized, kKey, kClosed };
  // Until a key, another size, or so long. `key` is the key.
  [[nodiscard]] Woken wait(Duration time, char& key);
};

// Columns of the terminal behind standard output; 0: it is none.
[[nodiscard]] size_t output_columns();

}  // namespace relais
