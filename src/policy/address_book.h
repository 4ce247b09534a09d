// Display names by address, for senders of our own (issue "Sender resolution"). Filled once, then
// only read: a snapshot holds it as const, so that all cores look up without a lock, and a look-up
// allocates nothing. The case of an address does not matter, in neither part.
//
// Compact: all text stands in one string, and a table of 4 octets a slot, at most three quarters
// full, says where. An entry takes the octets of its address and its name, and about 12 more (4 for
// their lengths, 5 to 11 for slots): some 55 for "chris.green@contoso.com", "Chris Green".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::policy {

class AddressBook {
 public:
  static constexpr size_t kAddressMax = 571;      // octets, as in a command
  static constexpr size_t kDisplayNameMax = 512;  // octets of UTF-8

  enum class Added : uint8_t {
    kNew,
    kAgain,  // the address is there already, and keeps its name
    kFull,   // 4 GiB of text
  };
  // Neither may be empty or longer than its limit.
  [[nodiscard]] Added add(std::string_view address, std::string_view display_name);
  // Room for so many entries, so that none is moved while they come.
  void reserve(size_t entries);
  // Gives back what the text took too much.
  void freeze();

  // Empty: not known. Valid as long as the book.
  [[nodiscard]] std::string_view find(std::string_view address) const;
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t memory_octets() const;

 private:
  struct Entry {
    std::string_view address;  // lower case
    std::string_view display_name;
  };
  [[nodiscard]] Entry entry_at(uint32_t slot) const;
  [[nodiscard]] size_t slot_of(std::string_view address) const;
  void resize(size_t slots);

  std::string text_;             // of each entry: two lengths of two octets, address, name
  std::vector<uint32_t> slots_;  // offset in text_ plus 1; 0: free. A power of two, or none at all
  size_t size_ = 0;
};

}  // namespace relais::policy
