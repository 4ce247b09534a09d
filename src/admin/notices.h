// What the operator is told on standard error, with the time in front: starts, stops, reloads,
// trouble. Rare lines, for people; what happens to mail goes to the message log. Any thread.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace relais::admin {

// "1 error", "2 errors"
[[nodiscard]] inline std::string plural(size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void write_notice(std::string_view text);
// As it is, to standard error; one that cannot be written to is no reason to stop.
void write_plain(std::string_view text);

template <class... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  write_notice(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  write_plain(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace relais::admin
