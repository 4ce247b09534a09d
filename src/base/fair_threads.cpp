#include "base/fair_threads.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace relais {
namespace {

constexpr int kNice = 5;  // a quarter of a CPU that a core keeps busy
constexpr uint64_t kSliceNs = 50'000'000;

// sched_setattr(2), as of its first version: 48 octets.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;  // SCHED_OTHER
  uint64_t flags = 0;
  int32_t nice = kNice;
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
  pthread_setname_np(pthread_self(), name);
  SchedulingAttributes attributes;
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) != 0)
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

}  // namespace relais
