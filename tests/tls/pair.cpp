#include "pair.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relais::tls::test {

std::shared_ptr<TicketKeys> make_keys() { return std::make_shared<TicketKeys>(Instant{1}); }

ServerPtr make_server(const std::vector<std::string>& certificates,
                      std::shared_ptr<TicketKeys> keys, ServerSettings settings) {
  Files files;
  for (const std::string& names : certificates) {
    const Issued& issued = issued_for(names);
    const std::string name = std::to_string(settings.certificates.size()) + ".pem";
    settings.certificates.push_back({files.write(name, issued.pem + issued.key_pem), ""});
  }
  const auto loaded = ServerContext::load(settings, std::move(keys), now());
  for (const Finding& finding : loaded.findings) ADD_FAILURE() << to_string(finding);
  return loaded.context;
}

ClientPtr make_client(bool verify) {
  Files files;
  const auto loaded = ClientContext::load(
      {.verify = verify, .authorities = files.write("ca.pem", authority().pem)});
  for (const Finding& finding : loaded.findings) ADD_FAILURE() << to_string(finding);
  return loaded.context;
}

size_t Cutter::next(size_t left) {
  if (most_ != 0) return std::min(most_, left);
  // Mostly short ones, sometimes all.
  const uint64_t most = prng_.one_in(4) ? left : std::min<uint64_t>(left, 40);
  return prng_.between(1, most);
}

void Side::drain() {
  // Memory of its own, so that a write behind its end is found.
  const auto plain = std::make_unique<char[]>(memory);
  for (;;) {
    const Event event = stream.next({plain.get(), memory});
    stream.invariants();
    switch (event.kind) {
      case Event::Kind::kNeedInput:
        ASSERT_TRUE(stream.needs_input());
        return;
      case Event::Kind::kOpened:
        log += "opened ";
        break;
      case Event::Kind::kPlaintext:
        ASSERT_GT(event.octets, 0U);
        ASSERT_LE(event.octets, memory);
        heard.append(plain.get(), event.octets);
        break;
      case Event::Kind::kEnded:
        if (!log.ends_with("ended ")) log += "ended ";
        if (answers_end) stream.close();
        return;
      case Event::Kind::kFailed:
        if (!log.ends_with("failed ")) log += "failed ";
        return;
    }
  }
}

void Side::hear(std::string_view ciphertext, Cutter& cutter) {
  drain();
  while (!ciphertext.empty()) {
    const size_t octets = cutter.next(ciphertext.size());
    const std::vector<char> piece(ciphertext.begin(),
                                  ciphertext.begin() + static_cast<ptrdiff_t>(octets));
    ciphertext.remove_prefix(octets);
    stream.feed(piece);
    drain();
  }
}

void Side::hear(std::string_view ciphertext) {
  Cutter cutter = Cutter::whole();
  hear(ciphertext, cutter);
}

std::string Side::take() {
  std::string taken;
  std::swap(taken, stream.output_buffer());
  return taken;
}

void talk(Side& a, Side& b, Cutter& cutter) {
  for (std::string words; !(words = a.take()).empty() || !b.stream.output().empty();) {
    b.hear(words, cutter);
    a.hear(b.take(), cutter);
  }
}

void talk(Side& a, Side& b) {
  Cutter cutter = Cutter::whole();
  talk(a, b, cutter);
}

}  // namespace relais::tls::test
