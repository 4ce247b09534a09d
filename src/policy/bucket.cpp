#include "policy/bucket.h"

#include "base/assert.h"

namespace relais::policy {

Bucket::Bucket(const Rate& rate, uint64_t burst)
    : burst_(burst), count_(rate.count), period_(static_cast<uint64_t>(rate.period.ns) * kTicks) {
  ASSERT(rate.count > 0 && rate.period.ns > 0 && burst > 0);
  one_ = (period_ + count_ - 1) / count_;
  const Wide whole = static_cast<Wide>(burst) * period_ / count_;
  ASSERT(whole < kMask / 4);  // config refuses rates at which a burst takes months to return
  tolerance_ = static_cast<uint64_t>(whole) + slack();
}

}  // namespace relais::policy
