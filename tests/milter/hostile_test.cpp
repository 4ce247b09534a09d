// Milters that say anything: nothing fails an ASSERT, everything is bounded, and the end does not
// depend on how the bytes were cut.
#include <gtest/gtest.h>

#include "base/prng.h"
#include "milter/client.h"
#include "milter/protocol.h"
#include "packets.h"

namespace relais::milter::test {
namespace {

// A whole message that goes on as far as the milter lets it.
class Driver {
 public:
  Driver() {
    client_.begin_session({.remote = *Endpoint::parse("[2001:db8::1]:1234"),
                           .local = *Endpoint::parse("[2001:db8::9]:25"),
                           .hello = "",
                           .fqdn = "relay.contoso.com",
                           .connector = "c"});
    client_.begin_message({.sender = "", .id = "ID"});
  }

  void hear(std::string_view bytes) {
    if (over_) return;
    const std::vector<char> memory(bytes.begin(), bytes.end());
    client_.feed(memory);
    while (!over_) {
      const Event event = client_.next();
      client_.invariants();
      log_ += std::to_string(static_cast<int>(event.kind));
      if (event.kind == Event::Kind::kNeedInput) {
        log_.pop_back();
        break;
      }
      if (event.kind == Event::Kind::kUnusable) {
        log_.pop_back();
        over_ = true;
        break;
      }
      if (event.kind == Event::Kind::kAnswer && !over_) go_on(event.verdict);
      client_.invariants();
    }
    client_.output_buffer().clear();
  }
  [[nodiscard]] std::string result() const { return log_ + (over_ ? " over" : ""); }

 private:
  void go_on(const Verdict& verdict) {
    log_ += ':';
    log_ += std::to_string(static_cast<int>(verdict.action));
    log_ += ' ';
    if (verdict.whole_session()) {  // no question reaches the milter any more
      over_ = true;
      return;
    }
    switch (step_++) {
      case 0:
      case 1:
        return client_.recipient("c@d.example");
      case 2:
        return client_.data();
      case 3:
        client_.content("A: 1\r\n 2\r\n\r\nbody\r\n..\r\n");
        client_.invariants();
        client_.content(std::string(70'000, 'x'));
        return client_.end();
      default:
        step_ = 0;
        if (!client_.finish()) {
          over_ = true;
          return;
        }
        return client_.begin_message({.sender = "a@b.example", .id = "ID"});
    }
  }

  Client client_;
  int step_ = 0;
  bool over_ = false;
  std::string log_;
};

std::string random_answer(Prng& prng) {
  constexpr std::string_view kKnown = "cccccccccccccccartdyfps4hiO+-b2meql?\xff";
  std::string data;
  switch (prng.below(4)) {
    case 0:
      for (uint64_t i = prng.below(40); i > 0; --i) data += static_cast<char>(prng.below(256));
      break;
    case 1:
      data = std::string("550 5.7.1 no\0", 13);
      break;
    default:
      break;
  }
  return packet(kKnown[prng.below(kKnown.size())], data);
}

TEST(HostileMilter, AnyAnswersAnyCuts) {
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Prng prng(seed);
    std::string bytes = negotiated(static_cast<uint32_t>(prng.between(2, 6)),
                                   prng.one_in(2) ? static_cast<uint32_t>(prng.below(1 << 21)) : 0);
    for (uint64_t i = prng.between(1, 60); i > 0; --i) bytes += random_answer(prng);
    if (prng.one_in(4)) bytes[prng.below(bytes.size())] = static_cast<char>(prng.below(256));
    Driver whole;
    whole.hear(bytes);
    Driver cut;
    for (size_t at = 0; at < bytes.size();) {
      const size_t octets = prng.one_in(2) ? 1 : prng.between(1, 30);
      cut.hear(std::string_view(bytes).substr(at, octets));
      at += octets;
    }
    ASSERT_EQ(cut.result(), whole.result()) << "seed " << seed;
  }
}

TEST(HostileMilter, Garbage) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Prng prng(seed);
    std::string bytes = prng.one_in(2) ? negotiated(6, 0) : "";
    for (uint64_t i = prng.below(300); i > 0; --i) bytes += static_cast<char>(prng.below(256));
    Driver driver;
    driver.hear(bytes);
  }
}

}  // namespace
}  // namespace relais::milter::test
