// A slab of T with generation handles: all memory is taken at construction, a handle that outlives
// its object is recognised, and a free slot costs nothing to find. Single-threaded (one slab a
// core). Limit: the capacity given at construction; `acquire` answers nullptr beyond it and the
// caller has a designed answer for that.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "base/assert.h"

namespace relais {

// Names one object in one slab at one time. Generations wrap after 2^24 reuses of one slot.
struct Handle {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;
  friend constexpr bool operator==(Handle, Handle) = default;
  [[nodiscard]] constexpr bool is_null() const { return slot == UINT32_MAX; }
};

template <class T>
class Slab {
 public:
  static constexpr uint32_t kGenerationMask = 0xffffff;

  explicit Slab(uint32_t capacity)
      : capacity_(capacity),
        slots_(static_cast<Slot*>(
            ::operator new (sizeof(Slot) * capacity, std::align_val_t{alignof(Slot)}))) {
    // Slots are touched when first used, so an idle slab costs address space and no memory.
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (uint32_t i = 0; i < touched_; ++i) {
      if (slots_[i].live()) slots_[i].object()->~T();
    }
    ::operator delete (slots_, std::align_val_t{alignof(Slot)});
  }

  // A new object, or nullptr when all slots are taken.
  template <class... Args>
  [[nodiscard]] T* acquire(Args&&... args) {
    uint32_t index = free_head_;
    if (index != kNone) {
      free_head_ = slots_[index].next_free;
    } else {
      if (touched_ == capacity_) return nullptr;
      index = touched_++;
      slots_[index].generation = 1;
    }
    Slot& slot = slots_[index];
    slot.next_free = kLive;
    ++size_;
    return new (slot.storage) T(std::forward<Args>(args)...);
  }

  void release(T* object) {
    Slot& slot = slot_of(object);
    ASSERT(slot.live());
    object->~T();
    slot.generation = (slot.generation + 1) & kGenerationMask;
    slot.next_free = free_head_;
    free_head_ = static_cast<uint32_t>(&slot - slots_);
    --size_;
  }

  // The object, or nullptr when it has been released since.
  [[nodiscard]] T* get(Handle handle) {
    if (handle.slot >= touched_) return nullptr;
    Slot& slot = slots_[handle.slot];
    return slot.live() && slot.generation == handle.generation ? slot.object() : nullptr;
  }

  [[nodiscard]] const T* get(Handle handle) const { return const_cast<Slab*>(this)->get(handle); }

  [[nodiscard]] Handle handle_of(const T* object) const {
    const Slot& slot = slot_of(object);
    ASSERT(slot.live());
    return {static_cast<uint32_t>(&slot - slots_), slot.generation};
  }

  [[nodiscard]] uint32_t size() const { return size_; }
  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] bool full() const { return size_ == capacity_; }

  // For walks in steps: slots [0, slots_touched()) have been used; nullptr where nothing lives now.
  [[nodiscard]] uint32_t slots_touched() const { return touched_; }
  [[nodiscard]] T* at_slot(uint32_t slot) {
    ASSERT(slot < touched_);
    return slots_[slot].live() ? slots_[slot].object() : nullptr;
  }

  // Calls visit(T&) for every live object; visit may release the one it is given.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (uint32_t i = 0; i < touched_; ++i) {
      if (slots_[i].live()) visit(*slots_[i].object());
    }
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kLive = UINT32_MAX - 1;
  struct Slot {
    alignas(T) unsigned char storage[sizeof(T)];
    uint32_t generation;
    uint32_t next_free;  // kLive: it is not
    [[nodiscard]] bool live() const { return next_free == kLive; }
    T* object() { return std::launder(reinterpret_cast<T*>(storage)); }
  };

  Slot& slot_of(const T* object) const {
    // storage is the first member, so object and slot share an address.
    auto* slot = reinterpret_cast<Slot*>(reinterpret_cast<uintptr_t>(object));
    ASSERT(slot >= slots_ && slot < slots_ + touched_);
    return *slot;
  }

  uint32_t capacity_;
  uint32_t touched_ = 0;
  uint32_t size_ = 0;
  uint32_t free_head_ = kNone;
  Slot* slots_;
};

}  // namespace relais
