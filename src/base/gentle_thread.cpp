#include "base/gentle_thread.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace relais {

void go_gently(const char* name, int nice) {
  pthread_setname_np(pthread_self(), name);
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
}

}  // namespace relais
