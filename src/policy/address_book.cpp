#include "policy/address_book.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "policy/ascii.h"

namespace relais::policy {
namespace {

constexpr size_t kLengths = 2 * sizeof(uint16_t);
constexpr size_t kSlotsMin = 16;

// FNV-1a, folded so that the low bits, which choose the slot, hang on all of it.
size_t hash_of(std::string_view address) {
  uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char c : address) {
    hash ^= static_cast<uint8_t>(ascii_lower(c));
    hash *= 0x100'0000'01b3;
  }
  return static_cast<size_t>(hash ^ hash >> 32);
}

void append_length(std::string& text, size_t length) {
  const auto octets = static_cast<uint16_t>(length);
  char bytes[sizeof octets];
  std::memcpy(bytes, &octets, sizeof octets);
  text.append(bytes, sizeof bytes);
}

}  // namespace

AddressBook::Entry AddressBook::entry_at(uint32_t slot) const {
  ASSERT(slot != 0 && slot <= text_.size() - kLengths);
  const char* at = text_.data() + (slot - 1);
  uint16_t lengths[2];
  std::memcpy(lengths, at, kLengths);
  at += kLengths;
  return {{at, lengths[0]}, {at + lengths[0], lengths[1]}};
}

// Where the address stands, or would stand.
size_t AddressBook::slot_of(std::string_view address) const {
  const size_t last = slots_.size() - 1;
  size_t slot = hash_of(address) & last;
  while (slots_[slot] != 0 && !equal_ignoring_case(entry_at(slots_[slot]).address, address))
    slot = (slot + 1) & last;
  return slot;
}

void AddressBook::reserve(size_t entries) {
  const size_t slots = std::bit_ceil(std::max(kSlotsMin, entries + entries / 3 + 1));
  if (slots > slots_.size()) resize(slots);
}

void AddressBook::resize(size_t slots) {
  slots_.assign(slots, 0);
  for (size_t at = 0; at < text_.size();) {
    const auto slot = static_cast<uint32_t>(at + 1);
    const Entry entry = entry_at(slot);
    slots_[slot_of(entry.address)] = slot;
    at += kLengths + entry.address.size() + entry.display_name.size();
  }
}

AddressBook::Added AddressBook::add(std::string_view address, std::string_view display_name) {
  ASSERT(!address.empty() && address.size() <= kAddressMax);
  ASSERT(!display_name.empty() && display_name.size() <= kDisplayNameMax);
  const size_t octets = kLengths + address.size() + display_name.size();
  if (text_.size() + octets >= UINT32_MAX) return Added::kFull;
  if ((size_ + 1) * 4 > slots_.size() * 3) reserve(size_ + 1);
  const size_t slot = slot_of(address);
  if (slots_[slot] != 0) return Added::kAgain;
  slots_[slot] = static_cast<uint32_t>(text_.size() + 1);
  append_length(text_, address.size());
  append_length(text_, display_name.size());
  for (const char c : address) text_ += ascii_lower(c);
  text_ += display_name;
  ++size_;
  return Added::kNew;
}

// shrink_to_fit() does nothing where there are no exceptions (libstdc++ 12).
void AddressBook::freeze() { std::string(text_).swap(text_); }

std::string_view AddressBook::find(std::string_view address) const {
  if (slots_.empty()) return {};
  const uint32_t slot = slots_[slot_of(address)];
  return slot == 0 ? std::string_view{} : entry_at(slot).display_name;
}

size_t AddressBook::memory_octets() const {
  return text_.capacity() + slots_.capacity() * sizeof(uint32_t);
}

}  // namespace relais::policy
