// Threads that are less urgent than the cores, whose CPUs they share.
#pragma once

namespace relais {

inline constexpr int kGentleNice = 5;  // a quarter of a CPU that a core keeps busy

// Names the calling thread and makes it less urgent, for good: the way back needs privileges.
void go_gently(const char* name, int nice = kGentleNice);

}  // namespace relais
