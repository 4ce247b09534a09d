// Sets of addresses as sorted ranges that neither overlap nor touch: what several ranges hold
// together, how much of it is public, and what is in one and not in the other. Pure arithmetic, for
// checks and comparisons; look-ups of clients go through the connector table.
#pragma once

#include <string>
#include <vector>

#include "policy/address_number.h"
#include "policy/address_range.h"

namespace relais::policy {

using AddressSet = std::vector<AddressRange>;  // sorted, apart; IPv4 first

// The union of ranges in any order.
[[nodiscard]] AddressSet union_of(std::vector<AddressRange> ranges);
[[nodiscard]] bool contains(const AddressSet& set, const IpAddress& address);
// What is in `from` and not in `without`; both are sets.
[[nodiscard]] AddressSet difference(const AddressSet& from, const AddressSet& without);
// Without 127.0.0.0/8 and ::1: nobody else can come from there.
[[nodiscard]] AddressSet without_loopback(const AddressSet& set);
// The part that is reachable over the Internet: not private (RFC 1918, 4193), carrier NAT (6598),
// link-local, loopback, documentation, benchmark, multicast or reserved. IPv6 that stands for IPv4
// (below) is public: nobody may number private hosts with it.
[[nodiscard]] AddressSet public_part(const AddressSet& set);

// 64:ff9b::/96 (RFC 6052, a translator in front of IPv4 hosts) and ::/96 (IPv4-compatible) replaced
// by the IPv4 addresses that they stand for.
[[nodiscard]] AddressSet with_embedded_ipv4(AddressSet set);
// Some of the range is such an address.
[[nodiscard]] bool holds_embedded_ipv4(const AddressRange& range);

// How many of one family; saturated.
[[nodiscard]] AddressNumber count(const AddressSet& set, IpAddress::Family family);
// "65536"; above 2^63 as a power of two or "more than 2^n".
[[nodiscard]] std::string count_text(AddressNumber count);

}  // namespace relais::policy
