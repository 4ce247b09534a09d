#include "base/free_memory.h"

#if __has_include(<mimalloc.h>)
#include <mimalloc.h>

// Tests and sanitizers do without it.
#pragma weak mi_option_set
#endif

namespace relais {

void give_back_free_memory() {
#if __has_include(<mimalloc.h>)
#if MI_MALLOC_VERSION < 210
  constexpr mi_option_t kDelay = mi_option_decommit_delay;
#else
  constexpr mi_option_t kDelay = mi_option_purge_delay;
#endif
  if (mi_option_set != nullptr) mi_option_set(kDelay, 0);
#endif
}

}  // namespace relais
