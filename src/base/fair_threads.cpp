#include "base/fair_threads.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/gentle_thread.h"

namespace relais {
namespace {

constexpr uint64_t kSliceNs = 50'000'000;

// sched_setattr(2), as of its first version: 48 octets.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;  // SCHED_OTHER
  uint64_t flags = 0;
  int32_t nice = kGentleNice;
  uint32_t priority = 0;
  uint64_t runtime = kSliceNs;
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

}  // namespace

// Since Linux 6.12 the runtime is the slice that a thread asks for, and one that wakes with a
// shorter slice, as a core has, need not wait until ours is over. Kernels before it ignore it.
void yield_to_cores(const char* name) {
  go_gently(name);
  SchedulingAttributes attributes;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace relais
