// The memory that mail passes through: blocks of 16 KiB, aligned for unbuffered I/O, in one mapping
// that is touched as it is used. A block holds one record; the bytes that a client sent are copied
// here once and then written to the log and sent to the next hop from here. Counted references, one
// core only. Limit: `count`, from the config. Exhaustion: take() answers nothing; each kind of user
// has a reserve (see Purpose), so that reading for delivery, which frees blocks, never starves
// behind new mail.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "spool/record.h"

namespace relais::spool {

using BlockId = uint32_t;
inline constexpr BlockId kNoBlock = UINT32_MAX;

class BlockPool {
 public:
  enum class Purpose : uint8_t {
    kBegin,   // a new message: leaves 1/8 free
    kAppend,  // more of a message: leaves 1/16 free
    kLog,     // journal, delivery from the log: all
  };

  explicit BlockPool(uint32_t count);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  [[nodiscard]] bool usable() const { return memory_ != nullptr; }
  [[nodiscard]] bool may_take(Purpose purpose) const;
  // One reference.
  [[nodiscard]] std::optional<BlockId> take(Purpose purpose);
  void hold(BlockId block);
  void release(BlockId block);

  [[nodiscard]] std::span<std::byte> bytes(BlockId block);
  [[nodiscard]] uint32_t free() const {
    return static_cast<uint32_t>(free_.size()) + (count_ - touched_);
  }
  [[nodiscard]] uint32_t count() const { return count_; }

 private:
  uint32_t count_;
  uint32_t touched_ = 0;
  std::byte* memory_;
  std::vector<BlockId> free_;  // most recently used last: warm in the cache
  std::vector<uint32_t> references_;
};

}  // namespace relais::spool
