// Items of many flows that wait for one server: start-time fair queueing (Goyal, Vin, Cheng 1996).
// While several flows wait, each is served in proportion to its weight; inside a flow first in,
// first out. Items may differ in cost; what a flow is given is the cost of what was taken.
//
// Every flow has a tag: the virtual time at which its next item may begin. The smallest is served
// and moves on by cost / weight. A new flow begins at the present virtual time, which never passes
// the tag of a flow that has been served and waits again: so an item of a new flow waits for at
// most one item of each other flow. Virtual time moves with every item by cost / (weight of all
// that wait), so an endless stream of new flows makes nobody wait for ever. A flow that has become
// empty is remembered until virtual time reaches its tag, or nothing waits at all: so nobody gains
// by coming back with one item at a time.
//
// Costs: push and pop O(log flows), amortised. Memory: 8 octets and T an item, about 120 a flow;
// given back when the queue is empty. Limit: 2^44 cost at weight 1 until the queue is empty once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace relais {

template <class T>
class FairQueue {
 public:
  static constexpr uint32_t kWeightMax = 1000;

  // The weight counts for all that waits in the flow.
  void push(uint64_t flow, uint32_t weight, uint32_t cost, T item) {
    Flow& waiting = flow_for(flow, weight);
    const uint32_t node = add_node({std::move(item), cost, kNone});
    if (waiting.length == 0) {
      waiting.head = node;
    } else {
      nodes_[waiting.tail].next = node;
    }
    waiting.tail = node;
    ++waiting.length;
  }

  // Gives back what was taken: it comes first in its flow, and has been paid for.
  void push_front(uint64_t flow, uint32_t weight, T item) {
    Flow& waiting = flow_for(flow, weight);
    const uint32_t next = waiting.length == 0 ? kNone : waiting.head;
    const uint32_t node = add_node({std::move(item), 0, next});
    if (waiting.length == 0) waiting.tail = node;
    waiting.head = node;
    ++waiting.length;
  }

  // The next one; something must wait.
  [[nodiscard]] T pop() {
    ASSERT(size_ > 0);
    Flow& flow = next();
    const uint64_t step = nodes_[flow.head].cost * kScale / weight_;
    now_ = std::max(now_, flow.tag);
    T item = take_head(flow);
    settle(now_ + step);
    return item;
  }

  // The next one of this flow, in which something must wait: out of turn, at its cost.
  [[nodiscard]] T pop_of(uint64_t flow) {
    const auto found = flows_.find(flow);
    ASSERT(found != flows_.end() && found->second.length > 0);
    T item = take_head(found->second);
    settle(now_);
    return item;
  }

  // Hands to `take` what stands at the front of any flow, as long as `wanted` says so. It is not
  // charged: nothing was served.
  template <class Wanted, class Take>
  void take_fronts(Wanted&& wanted, Take&& take) {
    for (auto& [key, flow] : flows_) {
      while (flow.length > 0 && wanted(nodes_[flow.head].item)) take(unlink_head(flow));
    }
    settle(now_);
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Items that wait in the flow.
  [[nodiscard]] uint32_t length(uint64_t flow) const {
    const auto found = flows_.find(flow);
    return found == flows_.end() ? 0 : found->second.length;
  }
  // Of all flows in which something waits.
  [[nodiscard]] uint64_t weight() const { return weight_; }
  // Flows that are remembered, empty ones included; and room for items. For tests of memory.
  [[nodiscard]] size_t flows() const { return flows_.size(); }
  [[nodiscard]] size_t capacity() const { return nodes_.capacity(); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint64_t kScale = 1 << 20;
  // What an empty queue keeps, so that one that fills and empties all the time takes no memory
  // anew.
  static constexpr size_t kKept = 256;

  struct Node {
    T item;
    uint32_t cost;
    uint32_t next;  // in the flow, or in the list of free nodes
  };
  struct Flow {
    uint64_t key = 0;
    uint64_t tag = 0;
    uint32_t head = kNone;
    uint32_t tail = kNone;
    uint32_t length = 0;
    uint32_t weight = 0;
    uint64_t order = 0;  // as in Entry, while it is new
    Flow* next_new = nullptr;
    bool is_new = true;  // nothing of it was served
  };
  // One a flow that is not new. Its tag may lie behind the flow's: first() brings it up.
  struct Entry {
    uint64_t tag;
    uint64_t order;  // among equal tags: the first to come to it
    Flow* flow;      // stays where it is while flows_ grows
  };
  static bool is_later(const Entry& a, const Entry& b) {
    return a.tag != b.tag ? a.tag > b.tag : a.order > b.order;
  }

  Flow& flow_for(uint64_t key, uint32_t weight) {
    ASSERT(weight >= 1 && weight <= kWeightMax);
    const auto [found, is_new] = flows_.try_emplace(key);
    Flow& flow = found->second;
    if (is_new) {
      flow.key = key;
      flow.tag = now_;
      flow.order = next_order_++;
      (newest_ == nullptr ? oldest_ : newest_->next_new) = &flow;
      newest_ = &flow;
    }
    if (flow.length > 0) weight_ -= flow.weight;
    weight_ += weight;
    flow.weight = weight;
    ++size_;
    return flow;
  }

  uint32_t add_node(Node node) {
    if (free_ == kNone) {
      nodes_.push_back(std::move(node));
      return static_cast<uint32_t>(nodes_.size() - 1);
    }
    const uint32_t index = free_;
    free_ = nodes_[index].next;
    nodes_[index] = std::move(node);
    return index;
  }

  T take_head(Flow& flow) {
    flow.tag = std::max(now_, flow.tag + nodes_[flow.head].cost * kScale / flow.weight);
    flow.is_new = false;
    return unlink_head(flow);
  }

  T unlink_head(Flow& flow) {
    const uint32_t index = flow.head;
    Node& node = nodes_[index];
    T item = std::move(node.item);
    flow.head = node.next;
    node.next = free_;
    free_ = index;
    --size_;
    if (--flow.length == 0) weight_ -= flow.weight;
    return item;
  }

  // Of those that are not new, the one with the smallest tag.
  Entry& first() {
    while (heap_.front().tag != heap_.front().flow->tag) {
      std::pop_heap(heap_.begin(), heap_.end(), is_later);
      heap_.back().tag = heap_.back().flow->tag;
      heap_.back().order = next_order_++;
      std::push_heap(heap_.begin(), heap_.end(), is_later);
    }
    return heap_.front();
  }

  // The one to serve. New flows began at a virtual time that has been, so they come before the
  // others; among equal tags the order decides.
  Flow& next() {
    if (oldest_ == nullptr) {
      while (first().flow->length == 0) forget_first();
      return *first().flow;
    }
    if (heap_.empty()) return *oldest_;
    const Entry& old = first();
    const bool is_first = !is_later(old, {oldest_->tag, oldest_->order, oldest_});
    return is_first && old.flow->length > 0 ? *old.flow : *oldest_;
  }

  void forget_first() {
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    flows_.erase(heap_.back().flow->key);
    heap_.pop_back();
  }

  // After something was taken: moves virtual time to `limit`, or as far as those that wait allow.
  void settle(uint64_t limit) {
    if (size_ == 0) return reset();
    while (oldest_ != nullptr && (!oldest_->is_new || oldest_->length == 0)) {
      Flow* flow = std::exchange(oldest_, oldest_->next_new);
      flow->tag = std::max(now_, flow->tag);
      heap_.push_back({flow->tag, next_order_++, flow});
      std::push_heap(heap_.begin(), heap_.end(), is_later);
    }
    if (oldest_ == nullptr) newest_ = nullptr;
    while (!heap_.empty() && first().flow->length == 0 && first().tag <= limit) forget_first();
    now_ = heap_.empty() ? limit : std::min(limit, first().tag);
  }

  void reset() {
    // Clearing a map costs as much as it has ever held.
    if (flows_.bucket_count() > kKept) flows_ = std::unordered_map<uint64_t, Flow>();
    if (nodes_.capacity() > kKept) nodes_ = std::vector<Node>();
    if (heap_.capacity() > kKept) heap_ = std::vector<Entry>();
    flows_.clear();
    nodes_.clear();
    heap_.clear();
    oldest_ = nullptr;
    newest_ = nullptr;
    free_ = kNone;
    now_ = 0;
    next_order_ = 0;
  }

  std::unordered_map<uint64_t, Flow> flows_;
  std::vector<Node> nodes_;
  uint32_t free_ = kNone;
  Flow* oldest_ = nullptr;  // new flows, in order of tag
  Flow* newest_ = nullptr;
  std::vector<Entry> heap_;  // the others
  uint64_t now_ = 0;         // virtual time: at most the tag of each of them
  uint64_t next_order_ = 0;
  uint64_t weight_ = 0;
  size_t size_ = 0;
};

}  // namespace relais
