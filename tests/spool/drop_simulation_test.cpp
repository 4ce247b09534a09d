// Mail that waits for long in the log through which other mail comes and goes, over power cuts,
// kills and failing writes: what waits is there, with what became of its recipients, and nothing
// that is gone comes back, whatever segments were used again, cleaned or both.
#include <algorithm>
#include <map>
#include <set>

#include "base/prng.h"
#include "rig.h"
#include "simulation/sim_seed.h"

namespace relais::spool {
namespace {

constexpr uint32_t kMany = 1200;  // recipients: more than one entry of the journal names

struct Expected {
  std::string content;
  std::set<uint32_t> settled{};  // durable
  uint32_t attempts = 0;         // durable, at least
};

// What a message begins with, so that it is known again.
std::string marked(uint64_t id, size_t octets) {
  std::string text = std::to_string(id) + ' ';
  text.resize(std::max(octets, text.size()), 'x');
  return text + "\r\n";
}

class Story {
 public:
  explicit Story(uint64_t seed) : world_(seed), prng_(seed * 2 + 1) {}

  void tell() {
    const uint64_t lives = prng_.between(2, 4);
    for (uint64_t life = 0; life < lives && !::testing::Test::HasFailure(); ++life) live();
    Rig rig(world_);
    recover(rig);
  }
  [[nodiscard]] uint64_t dropped() const { return dropped_; }
  [[nodiscard]] uint64_t moved() const { return moved_; }

 private:
  struct Waiting {
    uint64_t id;
    Handle handle;
  };
  static uint32_t recipients_of(uint64_t id) { return id % 41 == 0 ? kMany : 3; }

  void live() {
    Rig rig(world_);
    recover(rig);
    const bool fails = prng_.one_in(3);
    const uint64_t steps = prng_.between(50, 1200);
    for (uint64_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      if (fails && prng_.one_in(100)) world_.faults().set(Fault::kWriteError, 2);
      if (fails && prng_.one_in(10)) world_.faults().set(Fault::kReadError, 2);
      step(rig);
      world_.set_faults({});
      if (i % 64 == 0) rig.spool().invariants();
    }
    dropped_ += rig.spool().figures().dropped;
    moved_ += rig.spool().figures().moved;
    if (prng_.one_in(2)) rest(rig);
    prng_.one_in(2) ? world_.crash() : world_.kill();
  }

  void step(Rig& rig) {
    const uint64_t what = prng_.below(30);
    if (what < 26 || waiting_.empty()) {
      // Times in which much stays, and times in which nothing does.
      if (prng_.one_in(100)) patience_ = prng_.one_in(2) ? 3 : 1000;
      submit(rig, prng_.one_in(patience_));
    } else if (what == 26) {
      fade(rig, prng_.below(waiting_.size()));
    } else if (what == 27) {
      // In the midst of things.
      for (uint64_t turns = prng_.between(1, 3); turns > 0; --turns) rig.turn();
      finish(rig, prng_.below(waiting_.size()));
    } else if (what < 29) {
      defer(rig, waiting_[prng_.below(waiting_.size())]);
    } else if (prng_.one_in(4)) {
      rest(rig);
    }
  }

  void submit(Rig& rig, bool waits) {
    if (!rig.spool().accepting()) return rest(rig);
    const uint64_t id = ++last_;
    const std::string content = marked(id, prng_.one_in(10) ? 60'000 : prng_.between(10, 12'000));
    const Handle message =
        rig.submit(content, std::vector<std::string_view>(recipients_of(id), "kate@fabrikam.com"));
    if (message.is_null()) return;
    Event event;
    do {
      ASSERT_TRUE(rig.take_event(event));
    } while (event.kind == Event::Kind::kSpace);
    if (event.kind == Event::Kind::kFailed) {
      failed_.insert(id);
      return;
    }
    ASSERT_EQ(event.kind, Event::Kind::kCommitted);
    // Only what is durable behind it says that it is void.
    void_.merge(failed_);
    expected_[id] = {.content = content};
    if (waits) {
      waiting_.push_back({id, message});
      return rig.spool().uncache(message);
    }
    young_.push_back({id, message});
    while (young_.size() > 8) {
      settle(rig, young_.front(), 0, kMany);
      young_.erase(young_.begin());
    }
  }

  // So many recipients more, beginning with this one.
  void settle(Rig& rig, const Waiting& one, uint32_t first, uint32_t count) {
    const Message* message = rig.spool().find(one.handle);
    std::vector<uint32_t> settled;
    for (uint32_t i = first; i < recipients_of(one.id) && settled.size() < count; ++i)
      if (!message->is_settled(i)) settled.push_back(i);
    if (!settled.empty()) rig.spool().settle(one.handle, settled);
    if (rig.spool().find(one.handle) != nullptr) return;
    expected_.erase(one.id);
    going_.insert(one.id);
  }

  void finish(Rig& rig, size_t index) {
    settle(rig, waiting_[index], 0, kMany);
    waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(index));
  }

  // Some recipients of a message that waits.
  void fade(Rig& rig, size_t index) {
    const uint32_t recipients = recipients_of(waiting_[index].id);
    const auto first = static_cast<uint32_t>(prng_.below(recipients));
    settle(rig, waiting_[index], first, static_cast<uint32_t>(prng_.between(1, recipients)));
    if (rig.spool().find(waiting_[index].handle) == nullptr)
      waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(index));
  }

  void defer(Rig& rig, const Waiting& one) {
    const uint32_t attempts = rig.spool().find(one.handle)->state.attempts + 1;
    rig.spool().defer(one.handle, attempts, rig.loop().wall_now() + hours(1));
  }

  // All that has been said is durable.
  void rest(Rig& rig) {
    world_.set_faults({});
    rig.rest();
    gone_.insert(going_.begin(), going_.end());
    going_.clear();
    for (const auto& all : {waiting_, young_}) {
      for (const Waiting& one : all) {
        const MessageState& state = rig.spool().find(one.handle)->state;
        expected_[one.id].settled = {state.settled.begin(), state.settled.end()};
        expected_[one.id].attempts = state.attempts;
      }
    }
  }

  void recover(Rig& rig) {
    waiting_.clear();
    young_.clear();
    EXPECT_EQ(rig.spool().report().lost_records, 0U);
    std::set<uint64_t> found;
    for (const Handle handle : rig.spool().take_recovered()) {
      const std::string content = rig.content(handle);
      rig.spool().uncache(handle);
      const uint64_t id = std::stoull(content);
      rig.spool().set_recipients(handle, recipients_of(id));
      EXPECT_TRUE(found.insert(id).second) << "message " << id << " is there twice";
      EXPECT_FALSE(gone_.contains(id)) << "message " << id << " has come back";
      EXPECT_FALSE(void_.contains(id)) << "message " << id << " was answered 451";
      waiting_.push_back({id, handle});
      failed_.erase(id);  // nothing had said that it was void
      const auto one = expected_.find(id);
      if (one == expected_.end()) {
        // It was settled in the last moments, or its commit was under way.
        expected_[id] = {.content = content};
        going_.erase(id);
        continue;
      }
      EXPECT_EQ(content, one->second.content);
      const MessageState& state = rig.spool().find(handle)->state;
      EXPECT_GE(state.attempts, one->second.attempts);
      EXPECT_TRUE(std::ranges::includes(state.settled, one->second.settled))
          << "message " << id << " forgot who was served";
    }
    for (const auto& [id, one] : expected_)
      EXPECT_TRUE(found.contains(id)) << "message " << id << " was acknowledged and is lost";
    // What was on its way out and did not come back is gone for good.
    gone_.insert(going_.begin(), going_.end());
    going_.clear();
    void_.merge(failed_);
    rig.spool().invariants();
  }

  SimWorld world_;
  Prng prng_;
  uint64_t last_ = 0;
  uint64_t patience_ = 3;                  // one of so many messages waits
  std::map<uint64_t, Expected> expected_;  // acknowledged
  std::set<uint64_t> going_;               // all settled
  std::set<uint64_t> gone_;                // ... and durable so
  std::set<uint64_t> failed_;              // their commit
  std::set<uint64_t> void_;                // ... and another one has succeeded since
  std::vector<Waiting> waiting_;
  std::vector<Waiting> young_;
  uint64_t dropped_ = 0;
  uint64_t moved_ = 0;
};

TEST(drop_simulation, what_waits_stays_and_what_is_gone_stays_gone) {
  uint64_t dropped = 0;
  uint64_t moved = 0;
  uint64_t seeds = 0;
  for_each_seed(60, [&](uint64_t seed) {
    Story story(seed);
    story.tell();
    dropped += story.dropped();
    moved += story.moved();
    ++seeds;
  });
  // Or it has tested nothing.
  if (seeds == 60) {
    EXPECT_GT(dropped, 40U);
    EXPECT_GT(moved, 40U);
  }
}

}  // namespace
}  // namespace relais::spool
