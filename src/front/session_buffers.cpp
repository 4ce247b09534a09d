// When the receive buffers are lent and do not come back: which sessions keep them from the others.
#include <algorithm>
#include <vector>

#include "front/front.h"

namespace relais::front {
namespace {

// Buffers run out for moments when much comes at once; that is how clients are slowed down. A
// session that keeps its own for so many looks, while others wait for one, goes.
constexpr Duration kLook = milliseconds(250);
constexpr uint8_t kLooksOfItsOwn = 2;    // it is its client, or its client's limit, that waits
constexpr uint8_t kLooksForOthers = 40;  // an upstream or a milter takes no more content

constexpr smtp::Reply kHoardsBuffers{421, {4, 3, 1}, "Insufficient system resources"};

// What a session that holds input waits for, and at how many looks it goes.
struct Hoarding {
  const char* why = nullptr;  // null: for the disk, or for an answer that comes
  uint8_t looks = 0;
};

Hoarding hoarding_of(const Session& session) {
  if (session.sending && session.server.output().size() > kOutputMax)
    return {"receive buffers ran out, and its client, who sends on, does not read", kLooksOfItsOwn};
  if (session.held())
    return {"receive buffers ran out, and its client, who must wait, sends on", kLooksOfItsOwn};
  if (session.upstream.full)
    return {"receive buffers ran out, and its upstream takes no more", kLooksForOthers};
  if (session.milter.full)
    return {"receive buffers ran out, and its milter takes no more", kLooksForOthers};
  return {};
}

}  // namespace

void Front::park(ring::Token token) {
  buffers_->park(token);
  if (watches_buffers_) return;
  sessions_.for_each([](Session& session) { session.looks = 0; });
  watch_buffers();
}

void Front::watch_buffers() {
  watches_buffers_ = true;
  [[maybe_unused]] const auto timer =
      loop_.arm_timer(loop_.now() + kLook, {ring::Operation::kBuffersTimer, {}});
}

void Front::look_for_hoarders() {
  if (!buffers_->is_short()) {
    watches_buffers_ = false;
    return;
  }
  std::vector<Session*> hoarders;
  sessions_.for_each([&](Session& session) {
    if (session.closing || session.input.empty()) return;
    const Hoarding hoarding = hoarding_of(session);
    if (hoarding.why != nullptr && ++session.looks >= hoarding.looks) hoarders.push_back(&session);
  });
  std::ranges::sort(hoarders, std::ranges::greater{},
                    [](const Session* session) { return session->input.size(); });
  for (Session* session : hoarders) {
    if (buffers_->lent() <= buffers_->count() / 2) break;
    // The end of another one may have made room for it.
    if (const char* why = hoarding_of(*session).why) shut(*session, "input", kHoardsBuffers, why);
  }
  watch_buffers();
}

}  // namespace relais::front
