// ASSERT: a property of our own code that must hold, checked in release builds too.
// A failed one prints the place and the expression and aborts: a relay that is confused must not go
// on acknowledging mail. Bytes from a peer, a file or the config must never be able to reach one.
#pragma once

namespace relais {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#define ASSERT(condition)                            \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::relais::assertion_failed(#condition, __FILE__, __LINE__))
