// malloc and its kin as they are in glibc, but counted: so that OpenSSL's calls count as well as
// those of operator new. Only of benchmarks.
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "measure.h"

namespace {
thread_local uint64_t calls = 0;
}

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) noexcept {
  ++calls;
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) noexcept {
  ++calls;
  return __libc_calloc(count, size);
}

void* realloc(void* memory, size_t size) noexcept {
  ++calls;
  return __libc_realloc(memory, size);
}

void* memalign(size_t alignment, size_t size) noexcept {
  ++calls;
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) noexcept { return memalign(alignment, size); }

int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  *memory = memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}

uint64_t relais::bench::allocations() { return calls; }
