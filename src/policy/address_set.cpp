#include "policy/address_set.h"

#include <algorithm>
#include <bit>

namespace relais::policy {
namespace {

constexpr AddressNumber kAll = ~AddressNumber{0};

AddressSet blocks(std::initializer_list<std::string_view> texts) {
  std::vector<AddressRange> ranges;
  for (const std::string_view text : texts) {
    if (const auto range = AddressRange::parse(text)) ranges.push_back(*range);
  }
  return union_of(std::move(ranges));
}

bool comes_before(const AddressRange& a, const AddressRange& b) {
  return a.first != b.first ? a.first < b.first : a.last < b.last;
}

// b begins inside a or right behind it.
bool continues(const AddressRange& a, const AddressRange& b) {
  if (a.first.family() != b.first.family()) return false;
  const AddressNumber last = number_of(a.last);
  return last == kAll || number_of(b.first) <= last + 1;
}

}  // namespace

AddressSet union_of(std::vector<AddressRange> ranges) {
  if (!std::ranges::is_sorted(ranges, comes_before)) std::ranges::sort(ranges, comes_before);
  AddressSet set;
  for (const AddressRange& range : ranges) {
    if (!set.empty() && continues(set.back(), range)) {
      set.back().last = std::max(set.back().last, range.last);
    } else {
      set.push_back(range);
    }
  }
  return set;
}

bool contains(const AddressSet& set, const IpAddress& address) {
  const auto next = std::ranges::partition_point(
      set, [&](const AddressRange& range) { return range.last < address; });
  return next != set.end() && next->contains(address);
}

AddressSet difference(const AddressSet& from, const AddressSet& without) {
  AddressSet rest;
  auto cut = without.begin();
  for (AddressRange range : from) {
    const auto family = range.first.family();
    while (cut != without.end() && cut->last < range.first) ++cut;
    bool all_gone = false;
    for (auto next = cut; next != without.end() && next->first <= range.last; ++next) {
      if (range.first < next->first) {
        rest.push_back({range.first, address_of(family, number_of(next->first) - 1)});
      }
      if (range.last <= next->last) {
        all_gone = true;
        break;
      }
      range.first = address_of(family, number_of(next->last) + 1);
    }
    if (!all_gone) rest.push_back(range);
  }
  return rest;
}

namespace {

// IPv6 that stands for IPv4; :: and ::1 have their own meaning.
const AddressSet& embedded_blocks() {
  static const AddressSet set = blocks({"::2-::ffff:ffff", "64:ff9b::/96"});
  return set;
}

// The IANA special-purpose registries of IPv4; of IPv6 everything outside 2000::/3 and the two
// blocks for documentation. What stands for IPv4 is as public as that.
const AddressSet& special_blocks() {
  static const AddressSet set = difference(
      blocks({"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
              "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
              "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "::/3",
              "2001:db8::/32", "3fff::/20", "4000::/2", "8000::/1"}),
      embedded_blocks());
  return set;
}

}  // namespace

AddressSet without_loopback(const AddressSet& set) {
  static const AddressSet loopback = blocks({"127.0.0.0/8", "::1"});
  return difference(set, loopback);
}

AddressSet public_part(const AddressSet& set) { return difference(set, special_blocks()); }

AddressSet with_embedded_ipv4(AddressSet set) {
  if (std::ranges::none_of(set, holds_embedded_ipv4)) return set;
  const AddressSet others = difference(set, embedded_blocks());
  std::vector<AddressRange> ranges = others;
  for (const AddressRange& range : difference(set, others)) {
    ranges.push_back({IpAddress::v4(static_cast<uint32_t>(range.first.low())),
                      IpAddress::v4(static_cast<uint32_t>(range.last.low()))});
  }
  return union_of(std::move(ranges));
}

bool holds_embedded_ipv4(const AddressRange& range) {
  if (range.first.is_v4()) return false;
  return std::ranges::any_of(embedded_blocks(), [&](const AddressRange& block) {
    return block.first <= range.last && range.first <= block.last;
  });
}

AddressNumber count(const AddressSet& set, IpAddress::Family family) {
  AddressNumber sum = 0;
  for (const AddressRange& range : set) {
    if (range.first.family() != family) continue;
    const AddressNumber beyond_first = number_of(range.last) - number_of(range.first);
    if (beyond_first == kAll) return kAll;
    sum = kAll - sum < beyond_first + 1 ? kAll : sum + beyond_first + 1;
  }
  return sum;
}

std::string count_text(AddressNumber count) {
  if (count >> 63 == 0) return std::to_string(static_cast<uint64_t>(count));
  if (count == kAll) return "2^128";
  const auto high = static_cast<uint64_t>(count >> 64);
  const auto bits = static_cast<int>(high != 0 ? 64 + std::bit_width(high) - 1 : 63);
  const bool exact = (count & (count - 1)) == 0;
  return (exact ? "2^" : "more than 2^") + std::to_string(bits);
}

}  // namespace relais::policy
