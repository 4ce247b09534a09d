#include "base/gentle_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

namespace relais {
namespace {

int nice_of_this_thread() { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); }

TEST(gentle_thread, has_its_name_and_leaves_the_others_alone) {
  const int before = nice_of_this_thread();
  for (const int nice : {kGentleNice, 10}) {
    if (before > nice) continue;
    int seen = 0;
    std::array<char, 16> name{};
    std::jthread([&] {
      go_gently("quiet", nice);
      seen = nice_of_this_thread();
      pthread_getname_np(pthread_self(), name.data(), name.size());
    }).join();
    EXPECT_EQ(seen, nice);
    EXPECT_EQ(std::string(name.data()), "quiet");
  }
  EXPECT_EQ(nice_of_this_thread(), before);
}

}  // namespace
}  // namespace relais
