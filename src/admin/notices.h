// What the operator is told on standard error, with the time in front: starts, stops, reloads,
// trouble. Rare lines, for people; what happens to mail goes to the message log. Any thread.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace relais::admin {

void write_notice(std::string_view text);

template <class... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  write_notice(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace relais::admin
