#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace relais {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "relais: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace relais
