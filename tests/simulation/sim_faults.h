// What may go wrong in a simulated world, and how often. Every kind is off unless it is set; each
// is what Linux may really do, so a correct program survives all of them. The world counts how
// often each one struck, so that a test can see that it tested something.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/prng.h"

namespace relais::simulation {

enum class Fault : uint8_t {
  kShortSend,       // a send takes less than all of its bytes, in spite of MSG_WAITALL
  kShortWrite,      // a file write stops early (at a multiple of 4096 on unbuffered files)
  kShortRead,       // a file read stops early (the same)
  kNoBuffers,       // a receive ends with ENOBUFS though there are buffers
  kWriteError,      // EIO on a file write: some of its sectors may have reached the disk
  kSyncError,       // EIO on fsync: what was dirty may or may not be durable, and stays so
  kReadError,       // EIO on a file read through the ring
  kNoSpace,         // ENOSPC on a write, or when a file is created
  kReset,           // a connection is dropped in the network
  kRefuse,          // a connect is answered with ECONNREFUSED
  kNoDescriptors,   // EMFILE on accept and on opening a file through the ring
  kNoMemory,        // ENOMEM on accept, connect, send and on opening a file through the ring
  kLateCancel,      // a cancel takes effect a little later: the operation may end by itself
  kMultishotEnds,   // a connection that a multishot accept hands out is its last one
  kInterrupt,       // EINTR from enter
  kPartialSubmit,   // enter takes a part of what is queued, or EAGAIN and none
  kSlowCompletion,  // a completion is posted up to 20 ms after the fact
  kSlowNetwork,     // a piece of a stream takes up to 2 s
  kSlowDisk,        // a file operation takes up to 500 ms
  kLateWakeUp,      // a wait ends up to 5 ms after its time-out
};
constexpr size_t kFaultKinds = static_cast<size_t>(Fault::kLateWakeUp) + 1;

[[nodiscard]] std::string_view name(Fault fault);

class Faults {
 public:
  // `one_in`: strikes once in so many occasions on average; 0: never.
  Faults& set(Fault fault, uint32_t one_in) {
    one_in_[static_cast<size_t>(fault)] = one_in;
    return *this;
  }
  [[nodiscard]] uint32_t one_in(Fault fault) const { return one_in_[static_cast<size_t>(fault)]; }

  // Everything at the same rate.
  static Faults all(uint32_t one_in);
  // A different selection and different rates for every draw: a seed in which only sends are short
  // finds other bugs than one in which everything breaks at once. A quarter has no faults at all.
  static Faults draw(Prng& prng);
  // Slowness and short operations, but nothing fails and nothing is lost.
  static Faults harmless(uint32_t one_in);

 private:
  std::array<uint32_t, kFaultKinds> one_in_{};
};

}  // namespace relais::simulation
