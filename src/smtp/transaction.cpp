#include "smtp/transaction.h"

#include "base/assert.h"

namespace relais::smtp {

void Transaction::clear() {
  text_.clear();
  sender_ = {};
  recipients_.clear();
  has_sender_ = has_dsn_ = utf8 = require_tls = false;
  ret = DsnReturn::kUnspecified;
  body = BodyType::kUnspecified;
  declared_size = 0;
}

Transaction::Extent Transaction::append(const Path& path, std::string_view dsn) {
  ASSERT(path.address.size() <= kAddressMax);
  const Extent extent{
      .offset = static_cast<uint32_t>(text_.size()),
      .length = static_cast<uint16_t>(path.address.size()),
      .domain_offset = static_cast<uint16_t>(
          path.domain.empty() ? path.address.size()
                              : static_cast<size_t>(path.domain.data() - path.address.data())),
      .domain_length = static_cast<uint16_t>(path.domain.size()),
      .dsn_length = static_cast<uint16_t>(dsn.size())};
  ASSERT(extent.domain_offset + extent.domain_length <= extent.length);
  text_ += path.address;
  text_ += dsn;
  return extent;
}

void Transaction::set_sender(const Path& path, std::string_view envid) {
  ASSERT(!has_sender_ && recipients_.empty() && envid.size() <= kEnvidMax);
  sender_ = append(path, envid);
  has_dsn_ = !envid.empty();
  has_sender_ = true;
}

void Transaction::add_recipient(const Path& path, const RecipientDsn& dsn) {
  ASSERT(has_sender_ && !path.is_null() && dsn.orcpt.size() <= kOrcptMax);
  Extent extent = append(path, dsn.orcpt);
  extent.notify = dsn.notify;
  has_dsn_ |= dsn.notify != 0 || !dsn.orcpt.empty();
  recipients_.push_back(extent);
}

std::string_view Transaction::sender() const { return address(sender_); }

std::string_view Transaction::recipient(size_t index) const {
  ASSERT(index < recipients_.size());
  return address(recipients_[index]);
}

std::string_view Transaction::recipient_domain(size_t index) const {
  ASSERT(index < recipients_.size());
  const Extent& extent = recipients_[index];
  return address(extent).substr(extent.domain_offset, extent.domain_length);
}

RecipientDsn Transaction::recipient_dsn(size_t index) const {
  ASSERT(index < recipients_.size());
  return {.notify = recipients_[index].notify, .orcpt = behind(recipients_[index])};
}

std::string_view Transaction::envid() const { return behind(sender_); }

std::string_view Transaction::behind(const Extent& extent) const {
  return std::string_view(text_).substr(extent.offset + extent.length, extent.dsn_length);
}

std::string_view Transaction::address(const Extent& extent) const {
  return std::string_view(text_).substr(extent.offset, extent.length);
}

}  // namespace relais::smtp
