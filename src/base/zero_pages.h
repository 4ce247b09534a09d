// Memory of zeroes on pages of its own, from the kernel itself: those that nobody touches cost
// nothing. An allocator may have used its memory before, and calloc would then write to all of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace relais {

class ZeroPages {
 public:
  // From octet `large_from` on in large pages (2 MiB on most machines) where the kernel has some:
  // for what is much copied to and from, at the price of touching more than is used. Not where
  // transparent_hugepage/enabled is "never".
  explicit ZeroPages(size_t octets, size_t large_from = SIZE_MAX);
  ~ZeroPages();
  ZeroPages(const ZeroPages&) = delete;
  ZeroPages& operator=(const ZeroPages&) = delete;

  [[nodiscard]] void* get() const { return memory_; }  // null: there is none

 private:
  size_t octets_;
  void* memory_;
};

}  // namespace relais
