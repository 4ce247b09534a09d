#include "base/fair_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"

namespace relais {
namespace {

// The same rules over a plain map, every flow looked at for every item.
class SlowQueue {
 public:
  void push(uint64_t key, uint32_t weight, uint32_t cost, int item, bool in_front = false) {
    const auto [found, is_new] = flows_.try_emplace(key);
    Flow& flow = found->second;
    if (is_new) flow = {.tag = now_, .order = next_order_++, .items = {}};
    flow.weight = weight;
    if (in_front) flow.items.push_front({item, 0});
    if (!in_front) flow.items.push_back({item, cost});
  }
  int pop() {
    uint64_t weight = 0;
    bool any_new = false;
    for (const auto& [key, flow] : flows_) {
      if (!flow.items.empty()) weight += flow.weight;
      any_new = any_new || flow.is_new;
    }
    if (!any_new) forget_first(UINT64_MAX);
    Flow* next = first([&](const Flow& flow) { return any_new || !flow.items.empty(); });
    // Something empty hides what waits at the same tag.
    if (next->items.empty()) next = first([](const Flow& flow) { return flow.is_new; });
    const auto [item, cost] = next->items.front();
    next->items.pop_front();
    now_ = std::max(now_, next->tag);
    next->tag = std::max(now_, next->tag + (uint64_t{cost} << 20) / next->weight);
    if (cost > 0 || next->is_new) next->order = next_order_++;
    next->is_new = false;
    if (size() == 0) {
      flows_.clear();
      now_ = 0;
      return item;
    }
    now_ += (uint64_t{cost} << 20) / weight;
    forget_first(now_);
    const Flow* old = first([](const Flow& flow) { return !flow.is_new; });
    if (old != nullptr) now_ = std::min(now_, old->tag);
    return item;
  }
  [[nodiscard]] size_t size() const {
    size_t size = 0;
    for (const auto& [key, flow] : flows_) size += flow.items.size();
    return size;
  }
  [[nodiscard]] size_t flows() const { return flows_.size(); }

 private:
  struct Flow {
    uint64_t tag = 0;
    uint64_t order = 0;
    uint32_t weight = 0;
    bool is_new = true;
    std::deque<std::pair<int, uint32_t>> items;
  };
  template <class Which>
  Flow* first(Which which) {
    Flow* found = nullptr;
    for (auto& [key, flow] : flows_) {
      if (!which(flow)) continue;
      if (found == nullptr || std::pair(flow.tag, flow.order) < std::pair(found->tag, found->order))
        found = &flow;
    }
    return found;
  }
  // Empty flows that come before all that were served and wait.
  void forget_first(uint64_t limit) {
    while (true) {
      const Flow* old = first([](const Flow& flow) { return !flow.is_new; });
      if (old == nullptr || !old->items.empty() || old->tag > limit) return;
      std::erase_if(flows_, [old](const auto& entry) { return &entry.second == old; });
    }
  }
  std::map<uint64_t, Flow> flows_;
  uint64_t now_ = 0;
  uint64_t next_order_ = 0;
};

TEST(fair_queue, one_flow_is_first_in_first_out) {
  FairQueue<int> queue;
  for (int i = 0; i < 100; ++i) queue.push(7, 100, 1 + static_cast<uint32_t>(i % 3), i);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(queue.pop(), i);
  EXPECT_TRUE(queue.empty());
}

TEST(fair_queue, what_is_given_back_comes_first_and_is_not_charged_again) {
  FairQueue<std::string> queue;
  queue.push(1, 100, 1, "a1");
  queue.push(1, 100, 1, "a2");
  queue.push(2, 100, 1, "b1");
  queue.push(2, 100, 1, "b2");
  ASSERT_EQ(queue.pop(), "a1");
  queue.push_front(1, 100, "a1");
  EXPECT_EQ(queue.pop(), "b1");
  EXPECT_EQ(queue.pop(), "a1");
  EXPECT_EQ(queue.pop(), "a2");
  EXPECT_EQ(queue.pop(), "b2");
}

TEST(fair_queue, flows_that_wait_share_by_weight_within_one_percent) {
  const std::map<uint64_t, uint32_t> weights = {{1, 1}, {2, 10}, {3, 100}, {4, 250}, {5, 1000}};
  Prng prng(4);
  for (const uint32_t cost_max : {1U, 40U}) {
    FairQueue<std::pair<uint64_t, uint32_t>> queue;
    std::map<uint64_t, uint64_t> given;
    const auto push = [&](uint64_t flow) {
      const auto cost = static_cast<uint32_t>(1 + prng.below(cost_max));
      queue.push(flow, weights.at(flow), cost, {flow, cost});
    };
    for (const auto& [flow, weight] : weights) {
      for (int i = 0; i < 3; ++i) push(flow);
    }
    uint64_t all = 0;
    while (all < 2'000'000) {
      const auto [flow, cost] = queue.pop();
      given[flow] += cost;
      all += cost;
      push(flow);
    }
    for (const auto& [flow, weight] : weights) {
      const double due = static_cast<double>(all) * weight / 1361;
      EXPECT_NEAR(static_cast<double>(given[flow]), due, due / 100) << "weight " << weight;
    }
  }
}

TEST(fair_queue, an_item_of_a_new_flow_waits_for_at_most_one_of_each_other_flow) {
  Prng prng(5);
  for (int round = 0; round < 300; ++round) {
    FairQueue<uint64_t> queue;
    const uint64_t others = 1 + prng.below(20);
    const auto push = [&](uint64_t flow) {
      const auto weight = static_cast<uint32_t>(1 + flow * 37 % 1000);
      queue.push(flow, weight, static_cast<uint32_t>(1 + prng.below(50)), flow);
    };
    for (uint64_t flow = 0; flow < others; ++flow) {
      for (int i = 0; i < 100; ++i) push(flow);
    }
    for (uint64_t i = prng.below(500); i > 0; --i) push(queue.pop());
    queue.push(999, 1, 1000, 999);  // of little weight, and dear: it pays for that afterwards
    std::map<uint64_t, int> before;
    for (uint64_t flow = queue.pop(); flow != 999; flow = queue.pop())
      ASSERT_LE(++before[flow], 1) << "flow " << flow << " of " << others;
  }
}

TEST(fair_queue, coming_back_with_one_item_at_a_time_gains_nothing) {
  FairQueue<int> queue;
  for (int flow = 1; flow <= 10; ++flow) {
    for (int i = 0; i < 2000; ++i) queue.push(static_cast<uint64_t>(flow), 100, 1, flow);
  }
  queue.push(0, 100, 1, 0);
  std::map<int, int> given;
  for (int i = 0; i < 11'000; ++i) {
    const int flow = queue.pop();
    ++given[flow];
    if (flow == 0) queue.push(0, 100, 1, 0);
  }
  for (const auto& [flow, items] : given) EXPECT_NEAR(items, 1000, 10) << flow;
}

TEST(fair_queue, an_endless_stream_of_new_flows_neither_starves_others_nor_is_remembered) {
  FairQueue<uint64_t> queue;
  for (int i = 0; i < 10'000; ++i) queue.push(0, 100, 1, 0);
  uint64_t of_old = 0;
  size_t flows_max = 0;
  for (uint64_t flow = 1; flow <= 10'000; ++flow) {
    queue.push(flow, 100, 1, flow);
    if (queue.pop() == 0) ++of_old;
    flows_max = std::max(flows_max, queue.flows());
  }
  // Each time that the old flow is served, one more new flow waits beside it and its share becomes
  // smaller: about the square root of all that was taken is what is fair.
  EXPECT_GT(of_old, 75U);
  EXPECT_LE(flows_max, 400U);
}

TEST(fair_queue, out_of_turn_is_paid_for) {
  FairQueue<int> queue;
  for (int i = 0; i < 10; ++i) queue.push(1, 100, 1, 1);
  for (int i = 0; i < 10; ++i) queue.push(2, 100, 1, 2);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(queue.pop_of(2), 2);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(queue.pop(), 1);
  int of_first = 0;
  for (int i = 0; i < 10; ++i) of_first += queue.pop() == 1 ? 1 : 0;
  EXPECT_EQ(of_first, 5);
}

TEST(fair_queue, fronts_are_taken_from_every_flow_as_far_as_they_are_wanted) {
  FairQueue<int> queue;
  for (const int item : {1, 2, 30, 4}) queue.push(1, 100, 1, item);
  for (const int item : {5, 60}) queue.push(2, 100, 1, item);
  queue.push(3, 100, 1, 7);
  std::multiset<int> taken;
  queue.take_fronts([](int item) { return item < 10; }, [&](int item) { taken.insert(item); });
  EXPECT_EQ(taken, (std::multiset<int>{1, 2, 5, 7}));
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.weight(), 200U);
  std::multiset<int> left;
  while (!queue.empty()) left.insert(queue.pop());
  EXPECT_EQ(left, (std::multiset<int>{4, 30, 60}));
}

TEST(fair_queue, does_what_the_slow_one_does) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Prng prng(seed);
    FairQueue<int> queue;
    SlowQueue slow;
    const uint64_t flows = 1 + prng.below(30);
    for (int i = 0; i < 1000; ++i) {
      const bool growing = i / 100 % 2 == 0;
      if (queue.empty() || prng.below(10) < (growing ? 6U : 4U)) {
        const uint64_t flow = prng.below(flows);
        const auto weight = static_cast<uint32_t>(prng.below(20) == 0 ? 1 + prng.below(1000)
                                                                      : 1 + flow * 71 % 1000);
        const auto cost = static_cast<uint32_t>(1 + prng.below(100));
        const bool in_front = prng.below(10) == 0;
        slow.push(flow, weight, cost, i, in_front);
        if (in_front) {
          queue.push_front(flow, weight, i);
        } else {
          queue.push(flow, weight, cost, i);
        }
      } else {
        ASSERT_EQ(queue.pop(), slow.pop()) << "seed " << seed << " step " << i;
      }
      ASSERT_EQ(queue.size(), slow.size());
      ASSERT_EQ(queue.flows(), slow.flows()) << "seed " << seed << " step " << i;
    }
  }
}

TEST(fair_queue, nothing_is_kept_once_it_is_empty) {
  FairQueue<int> queue;
  for (int round = 0; round < 3; ++round) {
    for (uint64_t flow = 0; flow < 50'000; ++flow) queue.push(flow, 100, 1, 1);
    while (!queue.empty()) {
      ASSERT_EQ(queue.pop(), 1);
    }
    EXPECT_EQ(queue.flows(), 0U);
    EXPECT_EQ(queue.weight(), 0U);
    EXPECT_LE(queue.capacity(), 256U);
  }
}

}  // namespace
}  // namespace relais
