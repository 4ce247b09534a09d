#include "simulation/sim_trace.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace relais::simulation {

SimTrace::SimTrace() : lines_(kKept), echo_(std::getenv("RELAIS_TRACE") != nullptr) {}

void SimTrace::add(Instant when, std::string_view event) {
  std::array<char, 32> time{};
  const int length = std::snprintf(time.data(), time.size(), "%12.6f ",
                                   static_cast<double>(when.ns) / 1'000'000'000);
  std::string& line = lines_[events_ % kKept];
  line.assign(time.data(), static_cast<size_t>(length));
  line += event;
  ++events_;
  for (const char c : line) hash_ = (hash_ ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  if (echo_) std::fprintf(stderr, "%s\n", line.c_str());
}

void SimTrace::print(std::string_view title) const {
  std::fprintf(stderr, "---- %.*s: %llu events, the last of them:\n",
               static_cast<int>(title.size()), title.data(),
               static_cast<unsigned long long>(events_));
  for (uint64_t at = events_ > kKept ? events_ - kKept : 0; at < events_; ++at)
    std::fprintf(stderr, "%s\n", lines_[at % kKept].c_str());
  std::fprintf(stderr, "----\n");
}

}  // namespace relais::simulation
