#include "simulation/sim_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "base/assert.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_network.h"

namespace relais::simulation {
namespace {

constexpr int64_t kStart = 1'000'000'000'000;              // the machine is up for a while
constexpr int64_t kWallStart = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z

// A failed ASSERT aborts; the newest world then still tells what led there.
SimWorld* newest_world = nullptr;

void print_world(const SimWorld& world, SimTrace& trace) {
  trace.print("RELAIS_SEED=" + std::to_string(world.seed()) + " replays this");
}

// What was there before, such as a fuzzer's, has its turn when abort() raises the signal again.
struct sigaction earlier {};

void on_abort(int signal) {
  if (newest_world != nullptr) print_world(*newest_world, newest_world->trace());
  sigaction(signal, &earlier, nullptr);
  raise(signal);
}

void watch_aborts() {
  static const int kOnce = [] {
    struct sigaction ours {};
    ours.sa_handler = on_abort;
    ours.sa_flags = SA_NODEFER;
    return sigaction(SIGABRT, &ours, &earlier);
  }();
  ASSERT(kOnce == 0);
}

}  // namespace

SimWorld::SimWorld(uint64_t seed, Faults faults)
    : seed_(seed),
      prng_(seed),
      faults_(faults),
      now_{kStart},
      wall_offset_(kWallStart - kStart),
      network_(std::make_unique<SimNetwork>(*this)) {
  newest_world = this;
  watch_aborts();
}

SimWorld::~SimWorld() {
  ASSERT(kernels_.empty());
  if (testing::Test::HasFailure()) print_world(*this, trace_);
  if (newest_world == this) newest_world = nullptr;
  // Peers' destructors and pending actions may hold the last references to each other.
  events_.clear();
  network_.reset();
}

void SimWorld::note(const char* format, ...) {
  std::array<char, 200> text{};
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  trace_.add(now_, {text.data(), std::min(static_cast<size_t>(length), text.size() - 1)});
}

void SimWorld::after(Duration delay, std::function<void()> action) {
  ASSERT(delay.ns >= 0);
  events_.push_back({now_ + delay, next_event_number_++, std::move(action)});
  std::ranges::push_heap(events_, later);
}

std::optional<Instant> SimWorld::next_event() const {
  if (events_.empty()) return std::nullopt;
  return events_.front().when;
}

void SimWorld::run_until(Instant until) {
  while (!events_.empty() && events_.front().when <= until) {
    std::ranges::pop_heap(events_, later);
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = std::max(now_, event.when);
    event.action();
  }
  now_ = std::max(now_, until);
}

void SimWorld::pass(Duration time) { run_until(now_ + time); }

bool SimWorld::happens(Fault fault) {
  const uint32_t one_in = faults_.one_in(fault);
  if (one_in == 0 || !prng_.one_in(one_in)) return false;
  ++counts_[static_cast<size_t>(fault)];
  note("fault: %s", name(fault).data());
  return true;
}

Duration SimWorld::network_delay() {
  if (happens(Fault::kSlowNetwork)) return milliseconds(static_cast<int64_t>(prng_.below(2000)));
  return microseconds(static_cast<int64_t>(prng_.between(5, 300)));
}

Duration SimWorld::disk_delay() {
  if (happens(Fault::kSlowDisk)) return milliseconds(static_cast<int64_t>(prng_.below(500)));
  return microseconds(static_cast<int64_t>(prng_.between(20, 400)));
}

Duration SimWorld::completion_delay() {
  if (happens(Fault::kSlowCompletion))
    return microseconds(static_cast<int64_t>(prng_.below(20'000)));
  return microseconds(static_cast<int64_t>(prng_.below(30)));
}

size_t SimWorld::cut(size_t available) {
  if (available <= 1) return available;
  switch (prng_.below(8)) {
    case 0:
      return 1 + static_cast<size_t>(prng_.below(std::min<size_t>(available, 16)));
    case 1:
    case 2:
      return 1 + static_cast<size_t>(prng_.below(available));
    case 3:
      return std::min<size_t>(available, 1448);
    default:
      return available;
  }
}

bool SimWorld::others_ready(const SimKernel& kernel) const {
  return std::ranges::any_of(kernels_, [&](const SimKernel* other) {
    return other != &kernel && other->has_completions();
  });
}

void SimWorld::kill() {
  note("the program is killed");
  for (SimKernel* kernel : kernels_) kernel->die(true);
}

void SimWorld::crash() {
  note("the power goes");
  for (SimKernel* kernel : kernels_) kernel->die(false);
  disk_.crash(prng_);
}

}  // namespace relais::simulation
