// The kernel that a program under test sees: a fake io_uring in ordinary memory over a SimWorld.
// The real ring code runs on it unchanged: queues, tokens, multishot operations, provided-buffer
// rings, timers. One kernel is one process; it may hold several rings. What it promises is written
// down in tests/ring/contract_*_test.cpp, which run against Linux too.
//
// Submissions are looked at in order when enter() takes them; how long each takes is drawn from the
// seed, so completions of different operations come in any order. Descriptors are looked up at
// submission, except for what Linux gives to worker threads (fsync, open, rename): there at the
// end, when another file may have the number. Time moves only inside enter(), when it waits and
// nothing is ready. Two things end the process with a message: memory that was lent to an operation
// and changed before its completion, and a program that turns without end while time stands still.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "ring/kernel.h"
#include "simulation/sim_operation.h"
#include "simulation/sim_world.h"

namespace relais::simulation {

class SimKernel final : public ring::Kernel {
 public:
  explicit SimKernel(SimWorld& world);
  ~SimKernel() override;

  // ---- for tests
  void set_descriptor_limit(size_t limit) { descriptor_limit_ = limit; }
  // What records of TLS it makes and opens; none, otherwise.
  void set_record_kinds(RecordKinds kinds) { record_kinds_ = kinds; }
  // From then on no key is taken to send with, whatever it has said.
  void refuse_send_keys() { refuses_send_keys_ = true; }
  // What a core is told that it was busy; never, otherwise.
  void set_busy_time(std::function<Duration()> time) { busy_time_ = std::move(time); }
  [[nodiscard]] size_t open_descriptors() const { return files_.size(); }
  [[nodiscard]] size_t operations() const { return operations_.size(); }
  [[nodiscard]] bool dead() const { return alive_ == nullptr; }
  [[nodiscard]] bool has_completions() const;
  // SimWorld::kill and crash call it. Without power nothing is said to the peers; they see a reset.
  void die(bool power);

  int set_up(io_uring& ring, uint32_t entries, uint32_t completions) override;
  void tear_down(io_uring& ring) override;
  int enter(io_uring& ring, uint32_t to_submit, uint32_t min_complete, int64_t timeout_ns) override;
  int register_buffers(io_uring& ring, io_uring_buf_ring* memory, uint32_t count,
                       uint16_t group) override;
  Instant now() override { return world_.now(); }
  WallTime wall_now() override { return world_.wall_now(); }
  ring::ThreadTime thread_time() override { return {busy_time_ ? busy_time_() : Duration{}, {}}; }
  Result<int> listen(const Endpoint& endpoint) override;
  void steer(int listener, uint32_t count) override;
  Result<void> claim(const Endpoint& endpoint) override;
  Result<int> socket(IpAddress::Family family) override;
  Result<void> bind(int /*fd*/, const IpAddress& /*address*/) override {
    return std::unexpected(Error::kUnsupported);
  }
  Result<int> unix_socket() override { return std::unexpected(Error::kUnsupported); }
  Result<Endpoint> local_endpoint(int fd) override;
  Result<Endpoint> remote_endpoint(int fd) override;
  void shut_down_writes(int fd) override;
  void reset_on_close(int fd) override;
  void say_and_close(int fd, std::string_view text) override;
  RecordKinds record_kinds() override { return record_kinds_; }
  Result<void> set_record_key(int fd, RecordDirection direction, const RecordKey& key) override;
  Result<ControlRecord> receive_control(int fd) override;
  Result<void> send_control(int fd, const ControlRecord& record) override;
  Result<int> wake_up_fd() override;
  void wake(int fd) override;
  Result<int> open(const std::string& path, ring::OpenMode mode) override;
  Result<int> create_zeroed(const std::string& path, uint64_t octets) override;
  Result<int> create(const std::string& path) override;
  Result<uint64_t> size(int fd) override;
  Result<size_t> read_at(int fd, std::span<std::byte> out, uint64_t offset) override;
  void close(int fd) override;
  Result<void> make_directories(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<int> lock(const std::string& path) override;

 private:
  friend struct SimOpenFile;

  // ---- the ring (sim_kernel.cpp)
  uint32_t consume(const std::shared_ptr<SimRing>& ring, uint32_t to_submit);
  int wait(SimRing& ring, uint32_t min_complete, int64_t timeout_ns);
  [[nodiscard]] bool others_ready(const SimRing& ring) const;
  int issue(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  void finish(const SimOperationPtr& operation, int result, uint32_t flags = 0);
  void post(SimOperation& operation, int result, uint32_t flags);
  void forget(const SimOperationPtr& operation);
  void abandon(SimOperation& operation);
  void lend(SimOperation& operation, const void* memory, size_t octets);
  void later(Duration delay, std::function<void()> action);

  // ---- descriptors
  SimOpenFilePtr find(int fd) const;
  int install(SimOpenFilePtr file);
  bool descriptors_left() const { return files_.size() < descriptor_limit_; }

  // ---- sockets (sim_socket_operations.cpp). issue_x: the submission; progress: what waits on a
  // file is tried again.
  int issue_accept(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_receive(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_connect(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_send(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_close(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_cancel(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  void wait_on_file(const SimOperationPtr& operation);
  void progress(SimOpenFile& file);
  bool try_accept(const SimOperationPtr& operation);
  bool try_receive(const SimOperationPtr& operation);
  bool try_send(const SimOperationPtr& operation);
  bool try_connect(const SimOperationPtr& operation);
  bool try_event(const SimOperationPtr& operation);
  void cancel_now(const SimOperationPtr& operation);

  // ---- records of TLS (sim_tls.cpp). As SimSocket's, with them where there are keys.
  [[nodiscard]] static bool read_ready(SimOpenFile& file);
  static int read(SimOpenFile& file, std::span<char> out);
  static int write(SimOpenFile& file, std::string_view bytes);

  // ---- files (sim_file_operations.cpp)
  int issue_read(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_write(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_sync(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_open(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  int issue_rename(const SimOperationPtr& operation, const io_uring_sqe& sqe);
  void run_on_disk(const SimOperationPtr& operation, int (SimKernel::*run)(SimOperation&));
  int run_read(SimOperation& operation);
  int run_write(SimOperation& operation);
  int run_sync(SimOperation& operation);
  int run_open(SimOperation& operation);
  int run_rename(SimOperation& operation);
  int find_base(const std::string& path, int fd, SimNodePtr& base) const;
  void write_in_part(SimOperation& operation, uint64_t offset);
  static uint64_t where(const SimOperation& operation);
  void apply_write(SimOperation& operation, uint64_t offset, size_t octets);
  SimOpenFilePtr make_file(const SimNodePtr& node, ring::OpenMode mode);

  SimWorld& world_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // watched by what is due later
  std::map<const io_uring*, std::shared_ptr<SimRing>> rings_;
  std::map<int, SimOpenFilePtr> files_;
  std::map<uint64_t, SimOperationPtr> operations_;
  uint64_t next_operation_ = 1;
  size_t descriptor_limit_ = 1 << 20;
  RecordKinds record_kinds_;
  bool refuses_send_keys_ = false;
  std::function<Duration()> busy_time_;
  Instant last_enter_;
  uint64_t enters_at_this_time_ = 0;
  uint64_t endless_waits_ = 0;
};

}  // namespace relais::simulation
