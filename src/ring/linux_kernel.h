// Linux as it is: liburing's system calls, sockets, files.
#pragma once

#include "ring/kernel.h"

namespace relais::ring {

class LinuxKernel final : public Kernel {
 public:
  // Can this process use io_uring the way we do? If not: what is wrong and what to change, for a
  // person. Tries it for real: ring set-up with our flags, a buffer ring, one turn. Kernel 6.1 or
  // later.
  struct Probe {
    bool ok = false;
    std::string problem;
    std::string cure;
  };
  static Probe probe();

  int set_up(io_uring& ring, uint32_t entries, uint32_t completions) override;
  void tear_down(io_uring& ring) override;
  int enter(io_uring& ring, uint32_t to_submit, uint32_t min_complete, int64_t timeout_ns) override;
  int register_buffers(io_uring& ring, io_uring_buf_ring* memory, uint32_t count,
                       uint16_t group) override;
  Instant now() override;
  WallTime wall_now() override;
  ThreadTime thread_time() override;
  Result<int> listen(const Endpoint& endpoint) override;
  void steer(int listener, uint32_t count) override;
  Result<void> claim(const Endpoint& endpoint) override;
  Result<int> socket(IpAddress::Family family) override;
  Result<void> bind(int fd, const IpAddress& address) override;
  Result<int> unix_socket() override;
  Result<Endpoint> local_endpoint(int fd) override;
  Result<Endpoint> remote_endpoint(int fd) override;
  void shut_down_writes(int fd) override;
  void reset_on_close(int fd) override;
  void say_and_close(int fd, std::string_view text) override;
  RecordKinds record_kinds() override;
  Result<void> set_record_key(int fd, RecordDirection direction, const RecordKey& key) override;
  Result<ControlRecord> receive_control(int fd) override;
  Result<void> send_control(int fd, const ControlRecord& record) override;
  Result<int> wake_up_fd() override;
  void wake(int fd) override;
  Result<int> open(const std::string& path, OpenMode mode) override;
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
};

}  // namespace relais::ring
