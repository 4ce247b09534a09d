#include "base/zero_pages.h"

#include <sys/mman.h>

namespace relais {

ZeroPages::ZeroPages(size_t octets, size_t large_from)
    : octets_(octets),
      memory_(mmap(nullptr, octets, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
  if (memory_ == MAP_FAILED) memory_ = nullptr;
  if (memory_ != nullptr && large_from < octets)
    madvise(static_cast<char*>(memory_) + large_from, octets - large_from, MADV_HUGEPAGE);
}

ZeroPages::~ZeroPages() {
  if (memory_ != nullptr) munmap(memory_, octets_);
}

}  // namespace relais
