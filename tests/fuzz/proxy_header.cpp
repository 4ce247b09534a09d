// The PROXY header, before a client's first octet.
// The outcome does not depend on cuts; not one octet behind the header is taken; what it says can
// be written as a header again, in both versions, and means the same.
#include "smtp/proxy_header.h"

#include <span>

#include "base/crc32c.h"
#include "fuzz/fuzzer.h"

namespace relais::fuzz {
namespace {

using namespace std::string_literals;
using smtp::ProxyHeader;
using State = ProxyHeader::State;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string two(size_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

std::string binary(char command, char family, const std::string& payload) {
  return kSignature + command + family + two(payload.size()) + payload;
}

std::string described(const ProxyHeader& header) {
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

struct Outcome {
  std::string result;
  size_t taken = 0;  // of a complete one; how early a bad one is known may depend on the cuts
};

Outcome fed(std::string_view octets, const std::vector<size_t>& cuts) {
  ProxyHeader header;
  Outcome outcome;
  in_pieces(octets, cuts, [&](std::string_view piece) {
    const Exactly memory(piece);
    std::string_view input = memory.view();
    // The canary: a checksum that begins with a read is taken for padding.
    if (kCanary && outcome.taken > 27 && input.starts_with('\3')) return;
    if (header.state() != State::kNeedsMore) return;
    header.take(input);
    header.invariants();
    outcome.taken += piece.size() - input.size();
  });
  outcome.result = described(header);
  if (header.state() != State::kComplete) outcome.taken = 0;
  return outcome;
}

std::string address_octets(const IpAddress& address) {
  std::string octets;
  if (!address.is_v4())
    for (int shift = 56; shift >= 0; shift -= 8)
      octets += static_cast<char>(address.high() >> shift);
  for (int shift = address.is_v4() ? 24 : 56; shift >= 0; shift -= 8)
    octets += static_cast<char>(address.low() >> shift);
  return octets;
}

// The header that says this; empty where the endpoints are of two families.
std::string written(const Endpoint& from, const Endpoint& to, bool as_line) {
  if (from.address.family() != to.address.family()) return {};
  const bool v4 = from.address.is_v4();
  if (as_line) {
    return "PROXY TCP"s + (v4 ? '4' : '6') + ' ' + from.address.to_string() + ' ' +
           to.address.to_string() + ' ' + std::to_string(from.port) + ' ' +
           std::to_string(to.port) + "\r\n";
  }
  return binary(
      0x21, v4 ? 0x11 : 0x21,
      address_octets(from.address) + address_octets(to.address) + two(from.port) + two(to.port));
}

}  // namespace

Material material() {
  const std::string v4 = "\xc0\x00\x02\x07\x0a\x00\x00\x05\xdc\x04\x00\x19"s;
  const std::string v6 =
      "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
      "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05\xdc\x04\x00\x19"s;
  std::string summed = binary(0x21, 0x11, v4 + "\5\0\2id"s + "\3\0\4\0\0\0\0"s);
  const uint32_t sum = crc32c(std::as_bytes(std::span(summed)));
  for (size_t i = 0; i < 4; ++i)
    summed[summed.size() - 4 + i] = static_cast<char>(sum >> (24 - 8 * i));
  Material all;
  for (const std::string& header :
       {"PROXY TCP4 192.0.2.7 10.0.0.5 56324 25\r\n"s, "PROXY TCP6 2001:db8::7 ::1 1 25\r\n"s,
        "PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.5 1 25\r\n"s, "PROXY UNKNOWN\r\n"s,
        "PROXY UNKNOWN ffff::1 what ever\r\n"s, binary(0x21, 0x11, v4), binary(0x21, 0x21, v6),
        binary(0x20, 0, ""), binary(0x20, 0x11, v4), binary(0x21, 0x11, v4 + "\4\0\3abc"s),
        summed}) {
    all.seeds.push_back(seed(header + "EHLO\r\n"));
    all.seeds.push_back(seed(header.substr(0, header.size() - 1)));
  }
  all.dictionary = {"PROXY ",     "TCP4 ",    "TCP6 ",   "UNKNOWN", "\r\n",
                    "192.0.2.7 ", "::1 ",     " 25",     "65535",   kSignature,
                    "\x21\x11",   "\x21\x21", "\x20\0"s, "\3\0\4"s, "\4\0\3abc"s};
  return all;
}

void try_one(Input& input) {
  const std::string_view stream = input.text();
  const Outcome whole = fed(stream, {});
  const Outcome cut = fed(stream, input.cuts());
  must_equal(cut.result, whole.result, "the outcome does not depend on the cuts");
  must(cut.taken == whole.taken, "nor does where the client's octets begin");
  if (whole.taken == 0) return;
  must_equal(fed(stream.substr(0, whole.taken), {}).result, whole.result,
             "what was taken is the header");
  must_equal(fed(stream.substr(0, whole.taken - 1), {}).result, "needs more",
             "no octet too many is taken");

  ProxyHeader header;
  std::string_view rest = stream;
  header.take(rest);
  if (header.is_local()) return;
  for (const bool as_line : {true, false}) {
    const std::string again = written(header.source(), header.destination(), as_line);
    if (!again.empty())
      must_equal(fed(again, {}).result, whole.result, "a header written again means the same");
  }
}

}  // namespace relais::fuzz
