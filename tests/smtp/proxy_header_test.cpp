#include "smtp/proxy_header.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/prng.h"

namespace relais::smtp {
namespace {

using namespace std::string_literals;
using State = ProxyHeader::State;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
constexpr char kProxy = 0x21;
constexpr char kLocal = 0x20;

std::string two(size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

std::string binary(char command, char family, const std::string& payload) {
  return kSignature + command + family + two(payload.size()) + payload;
}

std::string tlv(char type, const std::string& value) { return type + two(value.size()) + value; }

const std::string kV4 = "\xc0\x00\x02\x07\x0a\x00\x00\x05\xdc\x04\x00\x19"s;
const std::string kV6 =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05\xdc\x04\x00\x19"s;

// With its last four octets, the value of the sum, put right.
std::string summed(std::string header) {
  const uint32_t sum = crc32c(std::as_bytes(std::span(header)));
  for (size_t i = 0; i < 4; ++i)
    header[header.size() - 4 + i] = static_cast<char>(sum >> (24 - 8 * i));
  return header;
}

std::string result_of(const ProxyHeader& header) {
  header.invariants();
  switch (header.state()) {
    case State::kNeedsMore:
      return "needs more";
    case State::kBad:
      return "bad: " + std::string(header.problem());
    case State::kComplete:
      break;
  }
  if (header.is_local()) return "local";
  return header.source().to_string() + " to " + header.destination().to_string();
}

// The result, and how many octets were taken.
struct HeaderOutcome {
  std::string result;
  size_t taken = 0;
  friend bool operator==(const HeaderOutcome&, const HeaderOutcome&) = default;
};

// Fed in pieces of `piece` octets.
HeaderOutcome feed_header(std::string_view stream, size_t piece) {
  ProxyHeader header;
  size_t taken = 0;
  while (!stream.empty() && header.state() == State::kNeedsMore) {
    std::string_view input = stream.substr(0, piece);
    const size_t offered = input.size();
    header.take(input);
    taken += offered - input.size();
    stream.remove_prefix(offered);
  }
  return {result_of(header), taken};
}

// Whole, octet by octet, and in two pieces at every cut, all with one outcome.
std::string parsed(const std::string& stream) {
  const HeaderOutcome whole = feed_header(stream, stream.size());
  for (size_t piece = 1; piece < stream.size(); ++piece)
    EXPECT_EQ(feed_header(stream, piece).result, whole.result) << "in pieces of " << piece;
  EXPECT_EQ(feed_header(stream, 1), whole);
  return whole.result;
}

TEST(ProxyHeader, OfEitherVersionNamesTheClient) {
  EXPECT_EQ(parsed("PROXY TCP4 192.0.2.7 10.0.0.5 56324 25\r\n"), "192.0.2.7:56324 to 10.0.0.5:25");
  EXPECT_EQ(parsed("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"),
            "0.0.0.0:0 to 255.255.255.255:65535");
  EXPECT_EQ(parsed("PROXY TCP6 2001:db8::7 2001:db8::5 56324 25\r\n"),
            "[2001:db8::7]:56324 to [2001:db8::5]:25");
  EXPECT_EQ(parsed("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.5 1 25\r\n"),
            "192.0.2.7:1 to 10.0.0.5:25");
  EXPECT_EQ(parsed(binary(kProxy, 0x11, kV4)), "192.0.2.7:56324 to 10.0.0.5:25");
  EXPECT_EQ(parsed(binary(kProxy, 0x21, kV6)), "[2001:db8::7]:56324 to [2001:db8::5]:25");
  std::string mapped(32, '\0');
  for (const size_t at : {10U, 11U, 26U, 27U}) mapped[at] = '\xff';
  mapped[15] = mapped[31] = 1;
  EXPECT_EQ(parsed(binary(kProxy, 0x21, mapped + "\0\1\0\2"s)), "0.0.0.1:1 to 0.0.0.1:2");
}

// HAProxy 2.6.12 with "send-proxy-v2 proxy-v2-options crc32c,unique-id", as it came.
TEST(ProxyHeader, OfARealBalancerIsUnderstood) {
  const std::string header =
      "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x1e\x7f\x00\x00\x07"
      "\x7f\x00\x00\x01\xea\x0d\xe9\xc3\x03\x00\x04\xc1\x2f\xb1\x8a\x05\x00\x08"
      "\x66\x69\x78\x65\x64\x2d\x69\x64"s;
  EXPECT_EQ(parsed(header), "127.0.0.7:59917 to 127.0.0.1:59843");
  std::string changed = header;
  changed.back() = 'D';
  EXPECT_EQ(parsed(changed), "bad: its checksum does not fit");
}

TEST(ProxyHeader, MayNameNobody) {
  EXPECT_EQ(parsed("PROXY UNKNOWN\r\n"), "local");
  EXPECT_EQ(parsed("PROXY UNKNOWN ffff::1 what ever\r\n"), "local");
  EXPECT_EQ(parsed(binary(kLocal, 0, "")), "local");
  EXPECT_EQ(parsed(binary(kLocal, 0x11, kV4)), "local");
  EXPECT_EQ(parsed(binary(kLocal, 0x7f, "abc")), "local");
  EXPECT_EQ(parsed(binary(kProxy, 0, "abc")), "local");
}

TEST(ProxyHeader, TakesNoOctetBehindIt) {
  for (const std::string& header :
       {"PROXY TCP4 192.0.2.7 10.0.0.5 56324 25\r\n"s, "PROXY UNKNOWN\r\n"s,
        binary(kProxy, 0x11, kV4), binary(kLocal, 0, ""),
        binary(kProxy, 0x21, kV6 + tlv(4, "abc"))}) {
    for (size_t piece = 1; piece < header.size() + 5; ++piece) {
      ProxyHeader reader;
      std::string_view stream = header;
      while (stream.size() > piece) {
        std::string_view input = stream.substr(0, piece);
        ASSERT_EQ(reader.take(input), State::kNeedsMore);
        ASSERT_TRUE(input.empty());
        stream.remove_prefix(piece);
      }
      const std::string last = std::string(stream) + "EHLO\r\n";
      std::string_view input = last;
      ASSERT_EQ(reader.take(input), State::kComplete);
      ASSERT_EQ(input, "EHLO\r\n");
      ASSERT_EQ(reader.take(input), State::kComplete);
      ASSERT_EQ(input, "EHLO\r\n");
    }
  }
}

TEST(ProxyHeader, ThatIsNotWholeIsNeitherGoodNorBad) {
  EXPECT_TRUE(ProxyHeader().empty());
  for (const std::string& header :
       {"PROXY TCP4 192.0.2.7 10.0.0.5 56324 25\r\n"s, "PROXY UNKNOWN\r\n"s,
        binary(kProxy, 0x11, kV4), binary(kLocal, 0, ""),
        summed(binary(kProxy, 0x11, kV4 + tlv(3, "\0\0\0\0"s)))}) {
    for (size_t size = 0; size < header.size(); ++size)
      EXPECT_EQ(feed_header(header.substr(0, size), size).result, "needs more") << size;
    EXPECT_NE(feed_header(header, header.size()).result, "needs more");
  }
}

TEST(ProxyHeader, MustBeWrittenExactly) {
  constexpr const char* kNone = "bad: what came is no PROXY header";
  constexpr const char* kAddress = "bad: an address in it is wrong";
  constexpr const char* kPort = "bad: a port in it is wrong";
  constexpr const char* kProtocol = "bad: its protocol is not TCP4, TCP6 or UNKNOWN";
  constexpr const char* kFields = "bad: it has too few fields";
  constexpr const char* kAlone = "bad: a CR or LF stands alone in it";
  struct Case {
    std::string stream, result;
  };
  const Case cases[] = {
      {"EHLO client.example\r\n", kNone},
      {"proxy TCP4 192.0.2.7 10.0.0.5 1 25\r\n", kNone},
      {" PROXY UNKNOWN\r\n", kNone},
      {"PROXY\r\n", kNone},
      {"PROXYUNKNOWN\r\n", kNone},
      {"\r\n", "needs more"},  // how version 2 begins
      {"\r\nPROXY UNKNOWN\r\n", kNone},
      {"\0"s, kNone},
      {"PROXY \r\n", kProtocol},
      {"PROXY UNKNOWNS\r\n", kProtocol},
      {"PROXY unknown\r\n", kProtocol},
      {"PROXY  TCP4 192.0.2.7 10.0.0.5 1 25\r\n", kProtocol},
      {"PROXY TCP5 192.0.2.7 10.0.0.5 1 25\r\n", kProtocol},
      {"PROXY UDP4 192.0.2.7 10.0.0.5 1 25\r\n", kProtocol},
      {"PROXY TCP4\r\n", kProtocol},
      {"PROXY TCP4 \r\n", kFields},
      {"PROXY TCP4 192.0.2.7\r\n", kFields},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 1\r\n", kFields},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 1 \r\n", kPort},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 1 25 \r\n", kPort},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 1 25 x\r\n", kPort},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 65536 25\r\n", kPort},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 01 25\r\n", kPort},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 +1 25\r\n", kPort},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 -1 25\r\n", kPort},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 1 0x19\r\n", kPort},
      {"PROXY TCP4 192.0.2.07 10.0.0.5 1 25\r\n", kAddress},
      {"PROXY TCP4 192.0.2 10.0.0.5 1 25\r\n", kAddress},
      {"PROXY TCP4 192.0.2.256 10.0.0.5 1 25\r\n", kAddress},
      {"PROXY TCP4 3221225991 10.0.0.5 1 25\r\n", kAddress},
      {"PROXY TCP4 2001:db8::7 2001:db8::5 1 25\r\n", kAddress},
      {"PROXY TCP4 ::ffff:192.0.2.7 10.0.0.5 1 25\r\n", kAddress},
      {"PROXY TCP4 host.example 10.0.0.5 1 25\r\n", kAddress},
      {"PROXY TCP4 192.0.2.7  10.0.0.5 1 25\r\n", kAddress},
      {"PROXY TCP4 192.0.2.7\t10.0.0.5 1 25 1\r\n", kAddress},
      {"PROXY TCP4 192.0.2.7\0 10.0.0.5 1 25\r\n"s, kAddress},
      {"PROXY TCP6 192.0.2.7 10.0.0.5 1 25\r\n", kAddress},
      {"PROXY TCP6 [2001:db8::7] 2001:db8::5 1 25\r\n", kAddress},
      {"PROXY TCP6 2001:db8::7%1 2001:db8::5 1 25\r\n", kAddress},
      {"PROXY TCP6 2001:db8:::7 2001:db8::5 1 25\r\n", kAddress},
      {"PROXY UNKNOWN\n", kAlone},
      {"PROXY UNKNOWN\r\r\n", kAlone},
      {"PROXY UNKNOWN\rX\r\n", kAlone},
      {"PROXY TCP4 192.0.2.7 10.0.0.5 1 25\nEHLO\r\n", kAlone},
  };
  for (const Case& c : cases) EXPECT_EQ(parsed(c.stream), c.result) << c.stream;
}

TEST(ProxyHeader, OfVersion1HasAtMost107Octets) {
  const std::string start = "PROXY UNKNOWN ";
  const auto of_size = [&](size_t size) {
    return start + std::string(size - start.size() - 2, 'f') + "\r\n";
  };
  EXPECT_EQ(parsed(of_size(kProxyLineMax)), "local");
  EXPECT_EQ(parsed(of_size(kProxyLineMax + 1)), "bad: it has more than 107 octets");
  // It does not wait for the end of a line that has none.
  EXPECT_EQ(feed_header(start + std::string(100'000, 'f'), 1).taken, kProxyLineMax);
}

TEST(ProxyHeader, OfVersion2MustBeWellFormed) {
  struct Case {
    std::string stream, result;
  };
  constexpr const char* kCut = "bad: an extension in it is cut short";
  constexpr const char* kOther = "bad: it is not about TCP over IPv4 or IPv6";
  std::string broken_signature = binary(kProxy, 0x11, kV4);
  broken_signature[11] = '\r';
  const Case cases[] = {
      {broken_signature, "bad: what came is no PROXY header"},
      {binary(0x11, 0x11, kV4), "bad: its version is neither 1 nor 2"},
      {binary(0x31, 0x11, kV4), "bad: its version is neither 1 nor 2"},
      {binary(0x22, 0x11, kV4), "bad: its command is not known"},
      {binary(0x2f, 0x11, kV4), "bad: its command is not known"},
      {binary(kProxy, 0x12, kV4), kOther},
      {binary(kProxy, 0x22, kV6), kOther},
      {binary(kProxy, 0x31, std::string(216, 'u')), kOther},
      {binary(kProxy, 0x01, kV4), kOther},
      {binary(kProxy, 0x10, kV4), kOther},
      {binary(kProxy, 0x41, kV4), kOther},
      {binary(kProxy, 0x11, ""), "bad: it is too short for its addresses"},
      {binary(kProxy, 0x11, kV4.substr(1)), "bad: it is too short for its addresses"},
      {binary(kProxy, 0x21, kV4), "bad: it is too short for its addresses"},
      {binary(kProxy, 0x21, kV6.substr(1)), "bad: it is too short for its addresses"},
      {binary(kProxy, 0x11, kV4 + "\4"), kCut},
      {binary(kProxy, 0x11, kV4 + "\4\0"s), kCut},
      {binary(kProxy, 0x11, kV4 + "\4\0\1"s), kCut},
      {binary(kProxy, 0x11, kV4 + tlv(4, "abc") + "\4\0\4abc"s), kCut},
      {binary(kProxy, 0x11, kV4 + tlv(4, "").substr(0, 1) + "\xff\xff" + "abc"), kCut},
      {binary(kProxy, 0x11, kV4 + tlv(4, "") + tlv(0x20, "abc")), "192.0.2.7:56324 to 10.0.0.5:25"},
  };
  for (const Case& c : cases) EXPECT_EQ(parsed(c.stream), c.result);
}

TEST(ProxyHeader, OfVersion2HasAtMost2048Octets) {
  const auto of_size = [&](size_t size) {
    return binary(kProxy, 0x11, kV4 + tlv(4, std::string(size - 16 - kV4.size() - 3, 'x')));
  };
  EXPECT_EQ(parsed(of_size(kProxyHeaderMax)), "192.0.2.7:56324 to 10.0.0.5:25");
  EXPECT_EQ(parsed(of_size(kProxyHeaderMax + 1)), "bad: it has more than 2048 octets");
  EXPECT_EQ(feed_header(of_size(kProxyHeaderMax + 1), 1).taken,
            16U);  // not one of them is waited for
  EXPECT_EQ(feed_header(binary(kLocal, 0, std::string(65'535, 'x')), 1).taken, 16U);
}

TEST(ProxyHeader, WithAChecksumMustFitIt) {
  const std::string good = summed(binary(kProxy, 0x11, kV4 + tlv(5, "id") + tlv(3, "\0\0\0\0"s)));
  EXPECT_EQ(parsed(good), "192.0.2.7:56324 to 10.0.0.5:25");
  for (size_t at = 16; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = good;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      // A flip in a type or length makes another, shorter or longer extension of it.
      const bool framing = at >= 28 && at < 31;
      const bool sum_framing = at >= 33 && at < 36;
      const std::string found = feed_header(flipped, flipped.size()).result;
      if (framing || sum_framing) continue;
      EXPECT_EQ(found, "bad: its checksum does not fit") << at << " bit " << bit;
    }
  }
  constexpr const char* kForm = "bad: its checksum has not the right form";
  EXPECT_EQ(parsed(binary(kProxy, 0x11, kV4 + tlv(3, "\0\0\0"s))), kForm);
  EXPECT_EQ(parsed(binary(kProxy, 0x11, kV4 + tlv(3, ""))), kForm);
  EXPECT_EQ(parsed(good.substr(0, 14) + two(good.size() - 16 + 7) + good.substr(16) +
                   tlv(3, "\0\0\0\0"s)),
            kForm);
}

// Whatever comes: the outcome does not depend on the cuts, and what is kept is bounded.
TEST(ProxyHeader, OfRandomOctetsNeverDependsOnTheCuts) {
  Prng prng(7);
  const std::string seeds[] = {"PROXY TCP4 192.0.2.7 10.0.0.5 56324 25\r\n",
                               "PROXY TCP6 2001:db8::7 ::1 1 25\r\n",
                               "PROXY UNKNOWN\r\n",
                               binary(kProxy, 0x11, kV4 + tlv(4, "abc")),
                               binary(kProxy, 0x21, kV6),
                               binary(kLocal, 0, "")};
  uint32_t complete = 0;
  uint32_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string stream = seeds[prng.below(std::size(seeds))];
    for (uint64_t changes = prng.below(4); changes > 0; --changes) {
      const size_t at = prng.below(stream.size());
      if (prng.one_in(2)) {
        stream[at] = static_cast<char>(prng.below(256));
      } else {
        stream.erase(at, 1);
      }
    }
    stream += "EHLO\r\n";
    const HeaderOutcome whole = feed_header(stream, stream.size());
    ASSERT_EQ(feed_header(stream, 1), whole);
    ASSERT_EQ(feed_header(stream, prng.between(2, 20)).result, whole.result);
    complete += whole.result.starts_with("bad") ? 0 : 1;
    refused += whole.result.starts_with("bad") ? 1 : 0;
  }
  EXPECT_GT(complete, 1000U);
  EXPECT_GT(refused, 1000U);
}

TEST(ProxyHeader, IsReadAsItIsSaid) {
  const auto said = [](const char* client, const char* local) {
    std::string header;
    append_proxy_header(header, *Endpoint::parse(client), *Endpoint::parse(local));
    return feed_header(header + "EHLO", 7).result;
  };
  EXPECT_EQ(said("192.0.2.7:1500", "10.0.0.5:25"), "192.0.2.7:1500 to 10.0.0.5:25");
  EXPECT_EQ(said("[2001:db8::7]:1500", "[2001:db8::5]:25"),
            "[2001:db8::7]:1500 to [2001:db8::5]:25");
  EXPECT_EQ(said("[2001:db8::7]:1500", "10.0.0.5:25"), "[2001:db8::7]:1500 to 10.0.0.5:25");
  EXPECT_EQ(said("192.0.2.7:0", "[2001:db8::5]:25"), "192.0.2.7:0 to [2001:db8::5]:25");
  std::string own;
  append_local_proxy_header(own);
  EXPECT_EQ(own.size(), 16U);
  EXPECT_EQ(feed_header(own, 16).result, "local");
}

}  // namespace
}  // namespace relais::smtp
