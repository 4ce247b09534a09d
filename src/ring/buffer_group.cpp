#include "ring/buffer_group.h"

#include <liburing.h>

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace relais::ring {
namespace {

constexpr uint32_t kHotAtFirst = 32;

}  // namespace

BufferGroup::BufferGroup(uint16_t id, uint32_t first, uint32_t count, uint32_t octets)
    : id_(id),
      first_(first),
      count_(count),
      octets_(octets),
      hot_(std::min(count, kHotAtFirst)),
      memory_(size_t{count} * octets),
      entries_(count * sizeof(io_uring_buf)),
      ring_(static_cast<io_uring_buf_ring*>(entries_.get())) {}

Result<std::unique_ptr<BufferGroup>> BufferGroup::create(Kernel& kernel, io_uring& ring,
                                                         uint16_t id, uint32_t first,
                                                         uint32_t count, uint32_t octets) {
  ASSERT(std::has_single_bit(count) && count <= 32768);
  ASSERT(first + count <= 65536);
  std::unique_ptr<BufferGroup> group(new BufferGroup(id, first, count, octets));
  if (group->memory_.get() == nullptr || group->ring_ == nullptr)
    return std::unexpected(Error::kNoMemory);
  const int result = kernel.register_buffers(ring, group->ring_, count, id);
  if (result < 0) return std::unexpected(error_from_errno(-result));
  group->lent_ = count;
  for (uint32_t buffer = 0; buffer < count; ++buffer)
    group->give_back(static_cast<uint16_t>(buffer));
  return group;
}

std::span<const char> BufferGroup::bytes(uint16_t buffer, uint32_t octets) const {
  ASSERT(buffer < count_ && octets <= octets_);
  return {at(buffer), octets};
}

void BufferGroup::give_back(uint16_t buffer) {
  ASSERT(buffer < count_ && lent_ > 0);
  --lent_;
  if (kernels() > hot_) return cold_.push_back(buffer);
  provide(buffer);
}

// Once a turn. All of them when they are scarce: a receive that is refused then may have to wait.
void BufferGroup::top_up() {
  if (!parked_.empty() && !cold_.empty()) hot_ = std::min(count_, 2 * hot_);
  const uint32_t wanted = lent_ > count_ / 2 ? count_ : hot_;
  while (kernels() < wanted && !cold_.empty()) {
    provide(cold_.back());
    cold_.pop_back();
  }
}

void BufferGroup::provide(uint16_t buffer) {
  // Not io_uring_buf_ring_add: in liburing 2.3 it does not compile under -Wconversion for C++.
  io_uring_buf& slot = ring_->bufs[tail_ & (count_ - 1)];
  slot.addr = reinterpret_cast<uint64_t>(at(buffer));
  slot.len = octets_;
  slot.bid = static_cast<uint16_t>(first_ + buffer);
  ++tail_;
  __atomic_store_n(&ring_->tail, tail_, __ATOMIC_RELEASE);
}

bool BufferGroup::lend(uint16_t& buffer) {
  if (buffer < first_ || buffer >= first_ + count_) return false;
  buffer = static_cast<uint16_t>(buffer - first_);
  ++lent_;
  ASSERT(lent_ <= count_);
  return true;
}

// A quarter of the buffers back, so that one returning buffer does not start a stampede of receives
// that fail again.
bool BufferGroup::may_unpark() const {
  return !parked_.empty() && lent_ <= count_ - (count_ + 3) / 4;
}

}  // namespace relais::ring
