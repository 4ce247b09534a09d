#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace relais {
namespace {

TEST(Error, every_value_has_a_phrase_of_its_own) {
  std::set<std::string_view> phrases;
  const auto last = static_cast<uint8_t>(Error::kOther);
  for (uint8_t value = 0; value <= last; ++value) {
    const std::string_view phrase = describe(static_cast<Error>(value));
    EXPECT_FALSE(phrase.empty() || phrase.ends_with('.'));
    phrases.insert(phrase);
  }
  EXPECT_EQ(phrases.size(), last + 1U);
}

TEST(Error, errno_is_translated) {
  EXPECT_EQ(error_from_errno(ENOSPC), Error::kNoSpace);
  EXPECT_EQ(error_from_errno(EDQUOT), Error::kNoSpace);
  EXPECT_EQ(error_from_errno(EIO), Error::kIo);
  EXPECT_EQ(error_from_errno(EPIPE), Error::kConnectionReset);
  EXPECT_EQ(error_from_errno(ECONNRESET), Error::kConnectionReset);
  EXPECT_EQ(error_from_errno(ECANCELED), Error::kCanceled);
  EXPECT_EQ(error_from_errno(ENOBUFS), Error::kNoBuffers);
  EXPECT_EQ(error_from_errno(EMFILE), Error::kNoDescriptors);
  EXPECT_EQ(error_from_errno(ETIMEDOUT), Error::kTimedOut);
  EXPECT_EQ(error_from_errno(EADDRINUSE), Error::kAddressInUse);
  EXPECT_EQ(error_from_errno(123'456), Error::kOther);
}

}  // namespace
}  // namespace relais
