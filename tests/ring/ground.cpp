#include "ring/ground.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace relais::ring {
namespace {

bool same(const Token& a, const Token& b) { return a.pack() == b.pack(); }

}  // namespace

std::vector<Ground> all_grounds() {
  std::vector<Ground> grounds{{"Linux", std::nullopt}};
  for (uint64_t seed = 1; seed <= 6; ++seed)
    grounds.push_back({"Simulation" + std::to_string(seed), seed});
  return grounds;
}

void RingTest::stand_on(const Ground& ground) {
  if (ground.seed) {
    world_ = std::make_unique<simulation::SimWorld>(*ground.seed);
    auto kernel = std::make_unique<simulation::SimKernel>(*world_);
    RecordKinds kinds;
    for (const TlsRecordKind kind : kRecordKinds) kinds.add(kind);
    kernel->set_record_kinds(kinds);
    kernel_ = std::move(kernel);
    folder_ = "/work";
    ASSERT_TRUE(kernel_->make_directories(folder_).has_value());
  } else {
    kernel_ = std::make_unique<LinuxKernel>();
    std::string name = testing::TempDir() + "relais_ring_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    temporary_ = true;
  }
  make_loop();
}

void RingTest::make_loop(Loop::Options options) {
  loop_.reset();
  auto loop = Loop::create(*kernel_, options);
  ASSERT_TRUE(loop.has_value()) << describe(loop.error());
  loop_ = std::move(*loop);
}

void RingTest::TearDown() {
  loop_.reset();
  kernel_.reset();
  world_.reset();
  if (temporary_) std::filesystem::remove_all(folder_);
}

void RingTest::turn() {
  for (const Completion& completion : loop_->turn()) kept_.push_back(completion);
}

Completion RingTest::take(Token wanted) {
  const Token alarm = token(Operation::kDrainTimer, next_slot_++);
  TimerId timer = loop_->arm_timer(loop_->now() + seconds(5), alarm);
  for (;;) {
    const auto found =
        std::ranges::find_if(kept_, [&](const auto& c) { return same(c.token, wanted); });
    if (found != kept_.end()) {
      const Completion completion = *found;
      kept_.erase(found);
      loop_->cancel_timer(timer);
      return completion;
    }
    if (std::ranges::any_of(kept_, [&](const auto& c) { return same(c.token, alarm); })) break;
    turn();
  }
  ADD_FAILURE() << "no completion of operation " << static_cast<int>(wanted.operation) << " slot "
                << wanted.handle.slot;
  return {.token = wanted, .result = -ETIMEDOUT};
}

bool RingTest::quiet(Token unwanted, Duration time) {
  const Token alarm = token(Operation::kDrainTimer, next_slot_++);
  [[maybe_unused]] const TimerId timer = loop_->arm_timer(loop_->now() + time, alarm);
  take(alarm);
  return std::ranges::none_of(kept_, [&](const auto& c) { return same(c.token, unwanted); });
}

int RingTest::listener() {
  const auto fd = kernel_->listen({IpAddress::v4(0x7f000001), 0});
  EXPECT_TRUE(fd.has_value());
  return fd.value_or(-1);
}

RingTest::Pair RingTest::connect_to(int listening) {
  const uint32_t slot = next_slot_++;
  loop_->accept_multishot(listening, token(Operation::kAccept, slot));
  const int client = kernel_->socket(IpAddress::Family::kV4).value_or(-1);
  sockaddr_storage address{};
  const uint32_t length =
      kernel_->local_endpoint(listening).value_or(Endpoint{}).to_sockaddr(address);
  loop_->connect(client, address, length, token(Operation::kHopConnect, slot));
  const Completion connected = take(token(Operation::kHopConnect, slot));
  EXPECT_EQ(connected.result, 0);
  const Completion accepted = take(token(Operation::kAccept, slot));
  EXPECT_GE(accepted.result, 0);
  EXPECT_TRUE(accepted.more);
  loop_->cancel(token(Operation::kAccept, slot));
  const Completion canceled = take(token(Operation::kAccept, slot));
  EXPECT_EQ(canceled.error(), Error::kCanceled);
  EXPECT_FALSE(canceled.more);
  return {accepted.result, client};
}

RingTest::Pair RingTest::connected_pair() {
  const int listening = listener();
  const Pair pair = connect_to(listening);
  kernel_->close(listening);
  return pair;
}

void RingTest::send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const Token sending = token(Operation::kSessionSend, next_slot_++);
    loop_->send(fd, bytes, sending);
    const Completion sent = take(sending);
    ASSERT_GT(sent.result, 0) << describe(sent.error());
    bytes.remove_prefix(static_cast<size_t>(sent.result));
  }
}

std::string RingTest::receive(int fd, BufferGroup& group, size_t octets) {
  std::string bytes;
  const Token receiving = token(Operation::kSessionReceive, next_slot_++);
  for (;;) {
    loop_->receive(fd, group, receiving);
    const Completion received = take(receiving);
    if (received.has_buffer) {
      const auto piece = group.bytes(received.buffer, static_cast<uint32_t>(received.result));
      bytes.append(piece.data(), piece.size());
      group.give_back(received.buffer);
    }
    if (received.result == 0 || bytes.size() >= octets) return bytes;
    if (received.result < 0 && received.error() != Error::kNoBuffers) {
      ADD_FAILURE() << describe(received.error());
      return bytes;
    }
  }
}

void RingTest::cancel_and_close(int fd) {
  const Token closing = token(Operation::kSessionClose, next_slot_++);
  loop_->cancel_all(fd);
  loop_->close(fd, closing);
  EXPECT_EQ(take(closing).result, 0);
}

}  // namespace relais::ring
