// One provided-buffer ring (IORING_REGISTER_PBUF_RING, kernel 5.19): the kernel picks a buffer when
// bytes arrive, so idle connections own none. Buffers are lent to the program with a completion and
// must come back with give_back(). When the ring runs dry the kernel ends a receive with ENOBUFS:
// the owner parks its token here and gets it back, marked, once there are buffers again. Nothing is
// dropped: the bytes stay in the socket. The kernel takes the oldest of those that it has,
// so it has few at a time, which stay in the processor's cache; more once they were not enough.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/zero_pages.h"
#include "ring/kernel.h"
#include "ring/operation.h"

namespace relais::ring {

class BufferGroup {
 public:
  // `count`: a power of two up to 32768. `octets`: size of one buffer. `first`: the kernel's number
  // of buffer 0; a ring's groups do not overlap, so that the number alone tells the group.
  static Result<std::unique_ptr<BufferGroup>> create(Kernel& kernel, io_uring& ring, uint16_t id,
                                                     uint32_t first, uint32_t count,
                                                     uint32_t octets);
  BufferGroup(const BufferGroup&) = delete;
  BufferGroup& operator=(const BufferGroup&) = delete;

  [[nodiscard]] uint16_t id() const { return id_; }
  [[nodiscard]] uint32_t count() const { return count_; }
  [[nodiscard]] uint32_t lent() const { return lent_; }
  // Bytes of a lent buffer; valid until give_back.
  [[nodiscard]] std::span<const char> bytes(uint16_t buffer, uint32_t octets) const;
  void give_back(uint16_t buffer);

  // Receives are parked, and there is not enough to give them back.
  [[nodiscard]] bool is_short() const { return !parked_.empty() && !may_unpark(); }

  // The receive of this token ended with kNoBuffers and may be armed again when it comes back
  // (Loop::turn).
  void park(Token token) { parked_.push_back(token); }

 private:
  friend class Loop;
  BufferGroup(uint16_t id, uint32_t first, uint32_t count, uint32_t octets);
  // The kernel's number of a buffer that came with a completion, as ours. False: another group's.
  bool lend(uint16_t& buffer);
  [[nodiscard]] bool may_unpark() const;
  [[nodiscard]] uint32_t kernels() const {
    return count_ - lent_ - static_cast<uint32_t>(cold_.size());
  }
  [[nodiscard]] char* at(uint16_t buffer) const {
    return static_cast<char*>(memory_.get()) + size_t{buffer} * octets_;
  }
  void provide(uint16_t buffer);
  void top_up();

  uint16_t id_;
  uint32_t first_;
  uint32_t count_;
  uint32_t octets_;
  uint32_t lent_ = 0;
  uint32_t hot_;                // so many are the kernel's, unless they are lent
  std::vector<uint16_t> cold_;  // neither lent nor the kernel's; the last one is used first
  uint16_t tail_ = 0;
  ZeroPages memory_;
  ZeroPages entries_;
  io_uring_buf_ring* ring_;  // in entries_
  std::deque<Token> parked_;
};

}  // namespace relais::ring
