#include "load/sources.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "policy/address_range.h"

namespace relais::load {

std::expected<Sources, std::string> Sources::parse(std::string_view text) {
  Sources sources;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const auto range = policy::AddressRange::parse_or_reason(item);
    if (!range) {
      return std::unexpected(
          fmt::format("'{}' is no source: {}; write 127.0.1.1-127.0.1.50, 127.0.2.0/24 or a list",
                      item, range.error()));
    }
    const bool far =
        range->last.high() != range->first.high() || range->last.low() - range->first.low() >= kMax;
    const uint64_t size = far ? kMax + 1 : range->last.low() - range->first.low() + 1;
    sources.size_ += size;
    if (sources.size_ > kMax)
      return std::unexpected(fmt::format("'{}': at most {} sources", item, kMax));
    sources.ranges_.push_back({range->first, size});
    if (comma == std::string_view::npos) return sources;
    text.remove_prefix(comma + 1);
  }
}

bool Sources::are_all(bool v4) const {
  return std::ranges::all_of(ranges_, [v4](const Range& r) { return r.first.is_v4() == v4; });
}

IpAddress Sources::at(uint64_t number) const {
  ASSERT(size_ > 0);
  uint64_t left = number % size_;
  auto range = ranges_.begin();
  while (left >= range->size) left -= range++->size;
  const uint64_t low = range->first.low() + left;
  return range->first.is_v4() ? IpAddress::v4(static_cast<uint32_t>(low))
                              : IpAddress::v6(range->first.high(), low);
}

}  // namespace relais::load
