#include "spool/block_pool.h"

#include <algorithm>

#include "base/assert.h"

namespace relais::spool {
namespace {

// Little mail stays in so much, and touches no more of it than it uses.
constexpr size_t kSmallPages = 2 << 20;

}  // namespace

BlockPool::BlockPool(uint32_t count)
    : count_(count),
      memory_(size_t{count} * kBlockOctets, kSmallPages),
      references_(count),
      connectors_(count) {
  free_.reserve(count);
}

bool BlockPool::scarce(uint32_t part) const {
  return free() < reserve_.kept_from(kNobody) + (count_ - reserve_.reserved()) / part;
}

bool BlockPool::may_take(Purpose purpose, ConnectorNumber connector, uint32_t blocks) const {
  uint64_t left = reserve_.kept_from(connector);
  // What the session itself puts in front of the content must find room, whatever happens.
  const bool begins = purpose == Purpose::kBegin || purpose == Purpose::kFirst;
  const uint32_t ahead = begins ? 1 : 0;
  if (reserve_.covers(connector, blocks + ahead)) {
    left += ahead;
  } else {
    const auto common = static_cast<uint32_t>(count_ - reserve_.reserved());
    if (purpose == Purpose::kBegin) left += std::max(common / 8, 2U);
    if (purpose == Purpose::kAppend) left += std::max(common / 16, 1U);
    if (purpose == Purpose::kFirst) left += std::max(common / 32, 1U) + ahead;
  }
  return free() >= left + blocks;
}

std::optional<BlockId> BlockPool::take(Purpose purpose, ConnectorNumber connector) {
  if (!may_take(purpose, connector, 1)) return std::nullopt;
  BlockId block = 0;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else {
    block = touched_++;
  }
  ASSERT(references_[block] == 0);
  references_[block] = 1;
  connectors_[block] = connector;
  reserve_.take(connector, 1);
  return block;
}

void BlockPool::hold(BlockId block) {
  ASSERT(references_[block] > 0);
  ++references_[block];
}

void BlockPool::release(BlockId block) {
  ASSERT(block < count_ && references_[block] > 0);
  if (--references_[block] > 0) return;
  free_.push_back(block);
  reserve_.give(connectors_[block], 1);
}

std::span<std::byte> BlockPool::bytes(BlockId block) {
  ASSERT(block < touched_);
  return {static_cast<std::byte*>(memory_.get()) + size_t{block} * kBlockOctets, kBlockOctets};
}

}  // namespace relais::spool
