// What the durable log costs: a message taken, flushed and settled again, and the start on a log
// that a server has left behind.
//
//   keep      `group` messages of `octets` each: begun, appended and committed, covered by one
//             flush, then settled. items_per_second are messages
//   recover   Spool::open() on a log of `messages` that nobody has settled. items_per_second are
//             messages, bytes_per_second is of their content
//
// `memory`: 0 is a disk, in a folder of $TMPDIR or /var/tmp; 1 is $RELAIS_BENCH_MEMORY or /dev/shm,
// so that what is left is the code's own and the kernel's. Times are those of the wall: most of it
// is waiting.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "measure.h"
#include "ring/linux_kernel.h"
#include "ring/loop.h"
#include "spool/spool.h"

namespace {

using namespace relais;
using namespace relais::bench;

std::string parent(bool in_memory) {
  const char* asked = std::getenv(in_memory ? "RELAIS_BENCH_MEMORY" : "TMPDIR");
  if (asked != nullptr) return asked;
  return in_memory ? "/dev/shm" : "/var/tmp";
}

// Gone at the end.
class Folder {
 public:
  explicit Folder(bool in_memory) {
    std::string name = parent(in_memory) + "/relais-spool-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      std::perror(name.c_str());
      std::exit(2);
    }
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A folder and the core that drives the spool in it.
class Rig {
 public:
  explicit Rig(bool in_memory) : folder_(in_memory) {
    auto loop = ring::Loop::create(kernel_);
    ASSERT(loop.has_value());
    loop_ = std::move(*loop);
    open();
  }

  // As at the start of a server.
  void open() {
    spool_.reset();
    auto spool = spool::Spool::open(*loop_, {.folder = folder_.path(),
                                             .segment_octets = 16 << 20,
                                             .octets_max = 256 << 20,
                                             .memory_octets = 64 << 20});
    ASSERT(spool.has_value());
    spool_ = std::move(*spool);
  }
  [[nodiscard]] const spool::Spool& spool() const { return *spool_; }

  // One group of messages, durable when this returns.
  const std::vector<Handle>& keep(uint64_t count, std::string_view content) {
    kept_.clear();
    for (uint64_t i = 0; i < count; ++i) {
      envelope_.guid = {1, ++number_};
      envelope_.received = loop_->wall_now();
      const Handle message = spool_->begin(envelope_, {});
      const size_t taken = spool_->append(message, content);
      ASSERT(taken == content.size());
      spool_->commit(message);
    }
    while (kept_.size() < count) turn();
    return kept_;
  }
  void settle(const std::vector<Handle>& messages) {
    static constexpr uint32_t kFirst[] = {0};
    for (const Handle message : messages) spool_->settle(message, kFirst);
  }

 private:
  void turn() {
    spool_->end_of_turn();
    for (const ring::Completion& completion : loop_->turn()) spool_->on_completion(completion);
    for (spool::Event event; spool_->next_event(event);) {
      ASSERT(event.kind == spool::Event::Kind::kCommitted);
      kept_.push_back(event.message);
    }
  }

  Folder folder_;
  ring::LinuxKernel kernel_;
  std::unique_ptr<ring::Loop> loop_;
  std::unique_ptr<spool::Spool> spool_;
  spool::Envelope envelope_{.guid = {},
                            .received = {},
                            .connector = "Anonymous Relay",
                            .client = "192.168.5.17:40321",
                            .sender = "chris@contoso.com",
                            .recipients = {"kate@fabrikam.com"}};
  std::vector<Handle> kept_;
  uint64_t number_ = 0;
};

void keep(benchmark::State& run) {
  // One for all sizes of a place: making its files takes longer than a measurement.
  static std::map<bool, Rig> rigs;
  const bool in_memory = run.range(0) != 0;
  if (!std::filesystem::is_directory(parent(in_memory))) return run.SkipWithError("no such place");
  Rig& rig = rigs.try_emplace(in_memory, in_memory).first->second;
  const auto group = static_cast<uint64_t>(run.range(1));
  const std::string content(static_cast<size_t>(run.range(2)), 'x');
  // The list of settled recipients; and, doubling, the list of a long message's blocks.
  const double each = content.size() > spool::kPayloadMax ? 12 : 1.2;
  const uint64_t fewer = std::clamp<uint64_t>(group * content.size() / spool::kPayloadMax, 1, 100);
  measure(run, [&] { rig.settle(rig.keep(group, content)); },
          {.allocations = 4 + static_cast<double>(group) * each, .fewer = fewer});
  run.SetItemsProcessed(run.iterations() * run.range(1));
  run.SetBytesProcessed(run.iterations() * run.range(1) * run.range(2));
}

void groups(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"memory", "group", "octets"});
  for (const int64_t memory : {0, 1}) {
    for (const int64_t group : {1, 10, 100}) benchmark->Args({memory, group, 10 << 10});
    benchmark->Args({memory, 100, 1 << 10});
    benchmark->Args({memory, 10, 1 << 20});
  }
}
BENCHMARK(keep)->Apply(groups)->UseRealTime()->Unit(benchmark::kMicrosecond);

void recover(benchmark::State& run) {
  static std::map<std::vector<int64_t>, Rig> rigs;
  const auto messages = static_cast<uint64_t>(run.range(1));
  const std::string content(static_cast<size_t>(run.range(2)), 'x');
  const bool in_memory = run.range(0) != 0;
  if (!std::filesystem::is_directory(parent(in_memory))) return run.SkipWithError("no such place");
  const auto [at, made] = rigs.try_emplace({run.range(0), run.range(1), run.range(2)}, in_memory);
  Rig& rig = at->second;
  for (uint64_t kept = 0; made && kept < messages; kept += 10) rig.keep(10, content);
  measure(
      run, [&] { rig.open(); }, kSlow);
  if (rig.spool().report().messages != messages) return fail(run, "messages were lost");
  run.SetItemsProcessed(run.iterations() * run.range(1));
  run.SetBytesProcessed(run.iterations() * run.range(1) * run.range(2));
}

void logs(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"memory", "messages", "octets"});
  for (const int64_t memory : {0, 1}) {
    for (const int64_t messages : {100, 1'000}) benchmark->Args({memory, messages, 10 << 10});
    benchmark->Args({memory, 1'000, 1 << 10});
    benchmark->Args({memory, 50, 1 << 20});
  }
}
BENCHMARK(recover)->Apply(logs)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
