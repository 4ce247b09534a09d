// Memory of zeroes on pages of its own, from the kernel itself: those that nobody touches cost
// nothing. An allocator may have used its memory before, and calloc would then write to all of it.
#pragma once

#include <cstddef>

namespace relais {

class ZeroPages {
 public:
  explicit ZeroPages(size_t octets);
  ~ZeroPages();
  ZeroPages(const ZeroPages&) = delete;
  ZeroPages& operator=(const ZeroPages&) = delete;

  [[nodiscard]] void* get() const { return memory_; }  // null: there is none

 private:
  size_t octets_;
  void* memory_;
};

}  // namespace relais
