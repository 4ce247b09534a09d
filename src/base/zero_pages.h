// Memory of zeroes, from the kernel itself: pages that nobody touches cost nothing. An allocator
// may have used its memory before, and calloc would then write to all of it.
#pragma once

#include <cstddef>

namespace relais {

class ZeroPages {
 public:
  explicit ZeroPages(
      size_t octets);  // on a page; there is enough address space, or the process ends
  ~ZeroPages();
  ZeroPages(const ZeroPages&) = delete;
  ZeroPages& operator=(const ZeroPages&) = delete;

  [[nodiscard]] void* get() const { return memory_; }

 private:
  size_t octets_;
  void* memory_;
};

}  // namespace relais
