// An IP address as one unsigned number, for arithmetic on ranges. IPv4 stands in the low 32 bits.
#pragma once

#include "base/ip.h"

namespace relais::policy {

using AddressNumber = unsigned __int128;

constexpr AddressNumber number_of(const IpAddress& address) {
  return AddressNumber{address.high()} << 64 | address.low();
}

constexpr IpAddress address_of(IpAddress::Family family, AddressNumber number) {
  return family == IpAddress::Family::kV4
             ? IpAddress::v4(static_cast<uint32_t>(number))
             : IpAddress::v6(static_cast<uint64_t>(number >> 64), static_cast<uint64_t>(number));
}

}  // namespace relais::policy
