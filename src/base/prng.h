// xoshiro256++ (Blackman and Vigna), seeded with splitmix64. For jitter, ids and simulations;
// never for secrets. The same seed gives the same sequence on every machine.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace relais {

class Prng {
 public:
  explicit constexpr Prng(uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  constexpr uint64_t next() {
    const uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // Uniform in [0, bound); bound > 0.
  constexpr uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  // Uniform in [low, high].
  constexpr uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  // True once in `n` on average; never for n == 0.
  constexpr bool one_in(uint64_t n) { return n != 0 && below(n) == 0; }

 private:
  std::array<uint64_t, 4> state_{};
};

}  // namespace relais
