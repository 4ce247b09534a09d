// The memory that mail passes through: blocks of 16 KiB, aligned for unbuffered I/O, in one mapping
// that is touched as it is used. A block holds one record; the bytes that a client sent are copied
// here once and then written to the log and sent to the next hop from here. Counted references, one
// core only. Limit: `count`, from the config. Exhaustion: take() answers nothing; each purpose
// leaves some for the next one (see Purpose), so that reading for delivery, which frees blocks,
// never starves behind new mail, nor a sender's only message behind many of another's; and what is
// reserved for a connector stays free for it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/zero_pages.h"
#include "spool/record.h"
#include "spool/shares.h"

namespace relais::spool {

using BlockId = uint32_t;
inline constexpr BlockId kNoBlock = UINT32_MAX;

class BlockPool {
 public:
  enum class Purpose : uint8_t {
    kBegin,   // a new message: leaves 1/8 free, of what is not reserved
    kAppend,  // more of a message: leaves 1/16 free
    kFirst,   // a new message of who is sending no other: leaves 1/32 free
    kLog,     // journal, delivery from the log: all
  };

  explicit BlockPool(uint32_t count);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  [[nodiscard]] bool usable() const { return memory_.get() != nullptr; }
  // So many more. Within its reservation a connector need not leave any but for other connectors.
  [[nodiscard]] bool may_take(Purpose purpose, ConnectorNumber connector, uint32_t blocks) const;
  // One reference.
  [[nodiscard]] std::optional<BlockId> take(Purpose purpose, ConnectorNumber connector);
  void hold(BlockId block);
  void release(BlockId block);

  [[nodiscard]] std::span<std::byte> bytes(BlockId block);
  [[nodiscard]] uint32_t free() const {
    return static_cast<uint32_t>(free_.size()) + (count_ - touched_);
  }
  [[nodiscard]] uint32_t count() const { return count_; }
  // Of what nobody has reserved less than one in `part` is free.
  [[nodiscard]] bool scarce(uint32_t part) const;
  // Blocks by connector.
  [[nodiscard]] Reserve& reserve() { return reserve_; }
  [[nodiscard]] const Reserve& reserve() const { return reserve_; }

 private:
  uint32_t count_;
  uint32_t touched_ = 0;
  ZeroPages memory_;
  std::vector<BlockId> free_;  // most recently used last: warm in the cache
  std::vector<uint32_t> references_;
  std::vector<ConnectorNumber> connectors_;  // whose block it is
  Reserve reserve_;
};

}  // namespace relais::spool
