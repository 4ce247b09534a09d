#include "policy/limits.h"

#include <algorithm>

#include "base/assert.h"
#include "policy/limits_of.h"

namespace relais::policy {
namespace {

// Ids of rates are 1 to this, ids of counts the same with the top bit.
constexpr uint16_t kIdMax = 0x7ffe;
constexpr uint16_t kCountId = 0x8000;

// Of one step; percentages into both sides of the rate, so that nothing is rounded.
Bucket bucket_of(const Limit& limit, uint32_t step) {
  if (limit.measure == Measure::kConcurrent) return {};
  const uint32_t percent = limit.steps[step].percent;
  if (percent == 100) return {limit.rate, limit.burst};
  return {{limit.rate.count * percent, limit.rate.period * 100},
          std::max<uint64_t>(limit.burst * percent / 100, 1)};
}

// The whole burst missing.
Duration time_to_fill(const Bucket& bucket) {
  return Bucket::duration(bucket.cost(bucket.burst()));
}

}  // namespace

Limits::Limits(size_t table_octets, const std::array<char, 192>& random)
    : table_(table_octets), secret_(random) {}

// Ids are used again when all have been given out, the one that was replaced the longest ago first.
LimitState& Limits::new_state(bool counts, const Bucket& bucket) {
  uint16_t& given = counts ? counts_ : rates_;
  LimitState* state = nullptr;
  if (given < kIdMax) {
    state = &states_.emplace_back();
    state->id = static_cast<uint16_t>(++given | (counts ? kCountId : 0));
  } else {
    ASSERT(!counts && !retired_.empty());  // connectors would need 32,766 names
    state = retired_.front();
    retired_.pop_front();
    table_.erase(state->id);
    state->shared = 0;
  }
  state->bucket = bucket;
  return *state;
}

// Counts go on as they are, whatever their limit: who has entered must be able to leave.
Limits::Known& Limits::known(const std::string& name, const Limit& limit, uint32_t step,
                             Instant now) {
  const bool counts = limit.measure == Measure::kConcurrent;
  const Bucket bucket = bucket_of(limit, step);
  Known& known = known_[name];
  if (now >= known.previous_until) known.previous = nullptr;
  if (known.state == nullptr) {
    known.state = &new_state(counts, bucket);
  } else if (!counts && known.state->bucket != bucket) {
    LimitState& before = *known.state;
    LimitState& after = new_state(false, bucket);
    const uint64_t ticks = Bucket::ticks(now);
    after.shared = bucket.converted(before.shared.load(), ticks, before.bucket);
    for (auto counter : {&LimitState::delayed, &LimitState::deferred, &LimitState::closed,
                         &LimitState::shadowed, &LimitState::no_place, &LimitState::delayed_ns})
      (after.*counter).store((before.*counter).load());
    known = {&after, &before, now + time_to_fill(before.bucket)};
    retired_.push_back(&before);
  }
  return known;
}

LimitSet::Slot Limits::compile_slot(const std::string& connector, const std::vector<Limit>& limits,
                                    Instant now) {
  LimitSet::Slot slot;
  for (const Limit& limit : limits) {
    auto& of_measure = slot[static_cast<size_t>(limit.measure)];
    for (auto step = static_cast<uint32_t>(limit.steps.size()); step-- > 0;) {
      std::string name = connector;
      name += '\0';
      name += limit.name();
      name += '\0';
      name += static_cast<char>('0' + static_cast<int>(limit.origin));
      name += std::to_string(step);
      const Known& known = this->known(name, limit, step, now);
      of_measure.push_back({&limit, step, known.state, known.previous, nullptr});
    }
  }
  auto& concurrent = slot[static_cast<size_t>(Measure::kConcurrent)];
  const auto of_origin = [](LimitOrigin origin) {
    return [origin](const LiveLimit& live) { return live.limit->origin == origin; };
  };
  const auto all = std::ranges::find_if(concurrent, of_origin(LimitOrigin::kMaxInbound));
  const auto share = std::ranges::find_if(concurrent, of_origin(LimitOrigin::kPercentPerSource));
  if (share != concurrent.end()) {
    ASSERT(all != concurrent.end());  // limits_of() makes no share of "unlimited"
    share->of_all = &*all;
  }
  return slot;
}

uint32_t Limits::slot_of(const std::string& connector, std::vector<Limit> limits) {
  const auto [at, fresh] = slots_.try_emplace(connector, static_cast<uint32_t>(slots_.size()));
  if (fresh) {
    names_.push_back(connector);
    limits_.emplace_back();
  }
  limits_[at->second] = std::make_shared<const std::vector<Limit>>(std::move(limits));
  return at->second;
}

std::shared_ptr<const LimitSet> Limits::compile(const std::vector<ReceiveConnector>& connectors,
                                                Instant now, uint32_t connection_rate,
                                                const LimitsByConnector& replaced) {
  auto set = std::make_shared<LimitSet>();
  set->table_ = &table_;
  set->secret_ = secret_.data();
  // The empty name is no connector's.
  const uint32_t server = slot_of({}, server_limits(connection_rate));
  ASSERT(server == LimitSet::server_slot());
  for (const ReceiveConnector& connector : connectors) {
    const auto found = replaced.find(connector.name);
    set->slot_of_connector_.push_back(
        slot_of(connector.name, found == replaced.end() ? limits_of(connector) : found->second));
  }
  for (size_t slot = 0; slot < names_.size(); ++slot)
    set->slots_.push_back(compile_slot(names_[slot], *limits_[slot], now));
  set->owned_ = limits_;
  return set;
}

size_t Limits::sweep(Instant now) {
  const uint64_t ticks = Bucket::ticks(now);
  for (LimitState& state : states_) {
    uint64_t value = state.shared.load();
    const bool counts = (state.id & kCountId) != 0;
    if (!counts && value != kBucketFull && Bucket::debt_of(value, ticks) == 0)
      state.shared.compare_exchange_strong(value, kBucketFull);
  }
  return table_.sweep(ticks);
}

}  // namespace relais::policy
