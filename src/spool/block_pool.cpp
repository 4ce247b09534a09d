#include "spool/block_pool.h"

#include <sys/mman.h>

#include "base/assert.h"

namespace relais::spool {

BlockPool::BlockPool(uint32_t count) : count_(count), references_(count) {
  void* at = mmap(nullptr, size_t{count} * kBlockOctets, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  memory_ = at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
  free_.reserve(count);
}

BlockPool::~BlockPool() {
  if (memory_ != nullptr) munmap(memory_, size_t{count_} * kBlockOctets);
}

bool BlockPool::may_take(Purpose purpose) const {
  const uint32_t reserve = purpose == Purpose::kBegin    ? count_ / 8
                           : purpose == Purpose::kAppend ? count_ / 16
                                                         : 0;
  return free() > reserve;
}

std::optional<BlockId> BlockPool::take(Purpose purpose) {
  if (!may_take(purpose)) return std::nullopt;
  BlockId block = 0;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else {
    block = touched_++;
  }
  ASSERT(references_[block] == 0);
  references_[block] = 1;
  return block;
}

void BlockPool::hold(BlockId block) {
  ASSERT(references_[block] > 0);
  ++references_[block];
}

void BlockPool::release(BlockId block) {
  ASSERT(block < count_ && references_[block] > 0);
  if (--references_[block] == 0) free_.push_back(block);
}

std::span<std::byte> BlockPool::bytes(BlockId block) {
  ASSERT(block < touched_);
  return {memory_ + size_t{block} * kBlockOctets, kBlockOctets};
}

}  // namespace relais::spool
