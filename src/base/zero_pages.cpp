#include "base/zero_pages.h"

#include <sys/mman.h>

namespace relais {

ZeroPages::ZeroPages(size_t octets)
    : octets_(octets),
      memory_(mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  if (memory_ == MAP_FAILED) memory_ = nullptr;
}

ZeroPages::~ZeroPages() {
  if (memory_ != nullptr) munmap(memory_, octets_);
}

}  // namespace relais
