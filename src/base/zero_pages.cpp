#include "base/zero_pages.h"

#include <sys/mman.h>

#include "base/assert.h"

namespace relais {

ZeroPages::ZeroPages(size_t octets)
    : octets_(octets),
      memory_(mmap(nullptr, octets, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
  ASSERT(memory_ != MAP_FAILED);
}

ZeroPages::~ZeroPages() { munmap(memory_, octets_); }

}  // namespace relais
