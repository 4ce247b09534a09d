#include "admin/top_clients.h"

#include <algorithm>

namespace relais::admin {
namespace {

uint64_t key_of(const IpAddress& address) {
  return (address.high() * 0x9e3779b97f4a7c15) ^ address.low();
}

}  // namespace

TopClients::Place& TopClients::at(const IpAddress& address) {
  const uint64_t key = key_of(address);
  for (uint32_t i = 0; i < used_; ++i) {
    if (keys_[i] == key && places_[i].address == address) return places_[i];
  }
  uint32_t place = used_;
  uint64_t inherited = 0;
  if (used_ < kPlaces) {
    ++used_;
  } else {
    const auto least = std::ranges::min_element(places_, {}, &Place::weight);
    place = static_cast<uint32_t>(least - places_.begin());
    inherited = least->weight();
  }
  keys_[place] = key;
  places_[place] = {.address = address, .inherited = inherited, .last_seen = {}};
  return places_[place];
}

void TopClients::add(const Place& other) {
  Place& place = at(other.address);
  place.connections += other.connections;
  place.messages += other.messages;
  place.refused += other.refused;
  place.inherited += other.inherited;
  place.last_seen = std::max(place.last_seen, other.last_seen);
}

// The heavy ones first, so that they are not driven out while the light ones come in.
void TopClients::add(const TopClients& other) {
  std::array<const Place*, kPlaces> order{};
  for (uint32_t i = 0; i < other.used_; ++i) order[i] = &other.places_[i];
  const auto all = std::span(order).first(other.used_);
  std::ranges::sort(all, std::ranges::greater{},
                    [](const Place* place) { return place->weight(); });
  for (const Place* place : all) add(*place);
}

}  // namespace relais::admin
