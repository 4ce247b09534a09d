#include "tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "base/assert.h"

namespace relais::tls {
namespace {

TicketKeys::Key make_key(Instant now) {
  TicketKeys::Key key;
  key.made = now;
  // Without randomness there is no TLS at all, and none that anybody should run.
  ASSERT(RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1);
  ASSERT(RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1);
  ASSERT(RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1);
  return key;
}

void wipe(TicketKeys::Key& key) {
  OPENSSL_cleanse(key.cipher.data(), key.cipher.size());
  OPENSSL_cleanse(key.mac.data(), key.mac.size());
}

}  // namespace

TicketKeys::TicketKeys(Instant now, Duration period) : period_(period) {
  ASSERT(period.ns > 0);
  keys_.reserve(4);  // no copies of keys are left behind by growth
  keys_.push_back(make_key(now));
}

TicketKeys::~TicketKeys() {
  for (Key& key : keys_) wipe(key);
}

void TicketKeys::turn(Instant now) {
  const std::lock_guard lock(mutex_);
  const auto is_old = [&](const Key& key) { return now - key.made >= period_ * 2; };
  while (keys_.size() > 1 && is_old(keys_.back())) {
    wipe(keys_.back());
    keys_.pop_back();
  }
  if (now - keys_.front().made < period_) return;
  if (is_old(keys_.front())) {
    wipe(keys_.front());
    keys_.front() = make_key(now);
  } else {
    keys_.insert(keys_.begin(), make_key(now));
  }
}

TicketKeys::Key TicketKeys::newest() const {
  const std::lock_guard lock(mutex_);
  return keys_.front();
}

std::optional<TicketKeys::Found> TicketKeys::find(
    std::span<const uint8_t, kNameOctets> name) const {
  const std::lock_guard lock(mutex_);
  for (const Key& key : keys_) {
    if (std::ranges::equal(key.name, name)) return Found{key, &key == &keys_.front()};
  }
  return std::nullopt;
}

size_t TicketKeys::count() const {
  const std::lock_guard lock(mutex_);
  return keys_.size();
}

}  // namespace relais::tls
