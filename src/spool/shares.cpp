#include "spool/shares.h"

#include "base/assert.h"

namespace relais::spool {

ConnectorNumber Connectors::find(std::string_view name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? kNobody : found->second;
}

ConnectorNumber Connectors::number_of(std::string_view name) {
  if (const ConnectorNumber known = find(name); known != kNobody) return known;
  if (weights_.size() > UINT16_MAX) return kNobody;
  const auto number = static_cast<ConnectorNumber>(weights_.size());
  numbers_.emplace(name, number);
  weights_.push_back(kDefaultWeight);
  return number;
}

void Connectors::set_weights(std::span<const Share> shares) {
  weights_.assign(weights_.size(), kDefaultWeight);
  for (const Share& share : shares) {
    const ConnectorNumber number = number_of(share.connector);
    if (number != kNobody) weights_[number] = share.weight;
  }
}

Reserve::Use& Reserve::use(ConnectorNumber number) {
  if (number >= uses_.size()) uses_.resize(size_t{number} + 1);
  return uses_[number];
}

void Reserve::set(std::span<const Share> shares, const Connectors& connectors, uint64_t total) {
  for (Use& use : uses_) use.reserved = 0;
  for (const Share& share : shares) {
    const ConnectorNumber number = connectors.find(share.connector);
    if (number != kNobody) use(number).reserved = total * share.reserved_percent / 100;
  }
  reserved_ = 0;
  unused_ = 0;
  for (const Use& use : uses_) {
    reserved_ += use.reserved;
    unused_ += use.unused();
  }
}

void Reserve::take(ConnectorNumber number, uint64_t amount) {
  Use& its = use(number);
  unused_ -= its.unused();
  its.used += amount;
  unused_ += its.unused();
}

void Reserve::give(ConnectorNumber number, uint64_t amount) {
  Use& its = use(number);
  ASSERT(its.used >= amount);
  unused_ -= its.unused();
  its.used -= amount;
  unused_ += its.unused();
}

uint64_t Reserve::kept_from(ConnectorNumber number) const {
  return unused_ - (number < uses_.size() ? uses_[number].unused() : 0);
}

bool Reserve::covers(ConnectorNumber number, uint64_t amount) const {
  return number < uses_.size() && uses_[number].used + amount <= uses_[number].reserved;
}

}  // namespace relais::spool
