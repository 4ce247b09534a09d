// Client addresses of the tests: 10.0.0.0 and on, by number.
#pragma once

#include <cstdint>

#include "base/ip.h"
#include "policy/address_range.h"

namespace relais::admin {

inline IpAddress client(uint32_t number) { return IpAddress::v4(0x0a000000 + number); }
inline policy::AddressRange one(uint32_t number) { return {client(number), client(number)}; }

}  // namespace relais::admin
