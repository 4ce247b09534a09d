// When the receive buffers are lent and do not come back: which sessions keep them from the others.
#include <algorithm>
#include <vector>

#include "base/assert.h"
#include "front/front.h"

namespace relais::front {
namespace {

// Buffers run out for moments when much comes at once; that is how clients are slowed down. A
// session that keeps its own for so many looks, while others wait for one, goes.
constexpr Duration kLook = milliseconds(250);
constexpr uint8_t kLooksOfItsOwn = 2;    // it is its client, or its client's limit, that waits
constexpr uint8_t kLooksForOthers = 40;  // an upstream or a milter takes no more content

constexpr smtp::Reply kHoardsBuffers{421, {4, 3, 1}, "Insufficient system resources"};

}  // namespace

void Front::park(ring::Token token) {
  buffers_->park(token);
  if (watches_buffers_) return;
  watches_buffers_ = true;
  sessions_.for_each([](Session& session) { session.looks = 0; });
  [[maybe_unused]] const auto timer =
      loop_.arm_timer(loop_.now() + kLook, {ring::Operation::kBuffersTimer, {}});
}

// What a session waits for that holds input; null: for the disk, or for an answer that comes.
const char* Front::why_it_hoards(const Session& session, uint8_t& looks) const {
  looks = kLooksOfItsOwn;
  if (session.sending && session.server.output().size() > kOutputMax)
    return "receive buffers ran out, and its client, who sends on, does not read";
  if (session.held()) return "receive buffers ran out, and its client, who must wait, sends on";
  looks = kLooksForOthers;
  if (session.upstream.full) return "receive buffers ran out, and its upstream takes no more";
  if (session.milter.full) return "receive buffers ran out, and its milter takes no more";
  return nullptr;
}

void Front::look_for_hoarders() {
  watches_buffers_ = false;
  if (!buffers_->is_short()) return;
  std::vector<Session*> hoarders;
  sessions_.for_each([&](Session& session) {
    uint8_t looks = 0;
    if (session.closing || session.input.empty() || why_it_hoards(session, looks) == nullptr)
      return;
    if (++session.looks >= looks) hoarders.push_back(&session);
  });
  std::ranges::sort(hoarders, std::ranges::greater{},
                    [](const Session* session) { return session->input.size(); });
  for (Session* session : hoarders) {
    if (buffers_->lent() <= buffers_->count() / 2) break;
    uint8_t looks = 0;
    shut(*session, "input", kHoardsBuffers, why_it_hoards(*session, looks));
  }
  watches_buffers_ = true;
  [[maybe_unused]] const auto timer =
      loop_.arm_timer(loop_.now() + kLook, {ring::Operation::kBuffersTimer, {}});
}

}  // namespace relais::front
