// Secrets do not stay in memory that is given back.
#pragma once

#include <string.h>

#include <string>

namespace relais {

// Zeroes, then empties. The compiler may not leave it out.
inline void wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace relais
