// A spool on a simulated disk, driven by a test.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "ring/loop.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_world.h"
#include "spool/spool.h"

namespace relais::spool {

using namespace relais::simulation;

inline const Spool::Options kOptions{.folder = "/spool",
                                     .segment_octets = 1 << 20,
                                     .octets_max = 8 << 20,
                                     .memory_octets = 64 * kBlockOctets};

// A spool in a process of its own; the world outlives it.
class Rig {
 public:
  explicit Rig(SimWorld& world) : kernel_(world) {
    loop_ = std::move(*ring::Loop::create(kernel_));
    auto spool = Spool::open(*loop_, kOptions);
    EXPECT_TRUE(spool.has_value());
    spool_ = std::move(*spool);
  }
  Spool& spool() { return *spool_; }
  // Of what is submitted from now on.
  std::string_view connector = "c";
  std::string_view client = "192.0.2.1:1025";
  ContentTraits traits;
  ring::Loop& loop() { return *loop_; }

  Handle begin(std::vector<std::string_view> recipients = {"kate@fabrikam.com"}) {
    const Envelope envelope{.guid = {1, ++number_},
                            .received = loop_->wall_now(),
                            .connector = connector,
                            .client = client,
                            .sender = "a@b",
                            .recipients = std::move(recipients)};
    return spool_->begin(envelope, {});
  }
  void append(Handle message, const std::string& content) {
    size_t done = 0;
    while (done < content.size()) {
      done += spool_->append(message, std::span(content).subspan(done));
      if (done < content.size()) turn();
    }
  }
  // Begins and commits a message; the answer comes with take_event().
  Handle submit(const std::string& content,
                std::vector<std::string_view> recipients = {"kate@fabrikam.com"}) {
    const Handle message = begin(std::move(recipients));
    if (message.is_null()) return message;
    append(message, content);
    spool_->commit(message, traits);
    return message;
  }
  // Runs until something happens, or nothing has for a while.
  bool take_event(Event& event) {
    for (int turns = 0; turns < 2000; ++turns) {
      if (spool_->next_event(event)) return true;
      turn();
    }
    return false;
  }
  // Submits and expects the commit.
  Handle keep(const std::string& content,
              std::vector<std::string_view> recipients = {"kate@fabrikam.com"}) {
    const Handle message = submit(content, std::move(recipients));
    Event event;
    while (take_event(event)) {
      if (event.kind != Event::Kind::kSpace) break;
    }
    EXPECT_EQ(event.kind, Event::Kind::kCommitted);
    return message;
  }
  void turn() {
    spool_->end_of_turn();
    // So that a turn with nothing to do ends.
    const ring::TimerId tick = loop_->arm_timer(loop_->now() + milliseconds(5), {});
    for (const ring::Completion& completion : loop_->turn()) {
      if (completion.token.operation != ring::Operation::kNone) spool_->on_completion(completion);
    }
    ring::TimerId id = tick;
    loop_->cancel_timer(id);
  }
  void rest() {
    spool_->hurry();
    for (int turns = 0; turns < 5000 && !spool_->at_rest(); ++turns) turn();
    EXPECT_TRUE(spool_->at_rest());
  }
  void settle(Handle message) {
    const uint32_t first = 0;
    spool_->settle(message, {&first, 1});
  }
  // Reads a message back, from memory or disk.
  std::string content(Handle message) {
    std::string out;
    const Message* stored = spool_->find(message);
    for (uint32_t i = 0; i < stored->chunk_count(); ++i) {
      // What was read may be dropped again for want of memory.
      while (!spool_->load(message, i, {})) {
        Event event;
        while (take_event(event) && event.kind != Event::Kind::kLoaded) {
          if (event.kind == Event::Kind::kUnreadable) return "unreadable";
        }
      }
      BlockId block = kNoBlock;
      const auto bytes = spool_->pin(message, i, block);
      out.append(bytes.data(), bytes.size());
      spool_->unpin(block);
    }
    return out.substr(stored->envelope_octets);
  }

 private:
  SimKernel kernel_;
  std::unique_ptr<ring::Loop> loop_;
  std::unique_ptr<Spool> spool_;
  uint64_t number_ = 0;
};

inline std::string text(size_t octets, char c = 'x') { return std::string(octets, c) + "\r\n"; }

}  // namespace relais::spool
