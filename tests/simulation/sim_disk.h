// The disk of a simulated world: directories and files, each with what a reader sees now (the page
// cache) and what is surely there after a power cut. Knows no time and no faults; SimKernel decides
// when a write is applied and when a flush succeeds. Functions answer 0 or -errno.
//
// The model is POSIX at its strictest, which no Linux file system fully is:
// - Data is durable when a flush that began after the write has succeeded. A sector (4096 octets)
// is
//   atomic; several sectors are not, and reach the disk in any order.
// - A name is durable when its directory was flushed, whatever was done to the file. A rename never
//   shows half of itself, except between directories of which one was flushed.
// - After a failed flush a sector may be on the disk or not, and no later flush repairs that (Linux
//   marks the page clean); only writing it again does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"

namespace relais::simulation {

constexpr uint64_t kSector = 4096;

// Content of one file.
class SimFile {
 public:
  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] size_t read(uint64_t offset, std::span<std::byte> out) const;
  void write(uint64_t offset, std::span<const std::byte> bytes);
  void grow(uint64_t octets);  // with zeros

  // A flush covers what was written before it began: take mark() then, and give it at its end.
  [[nodiscard]] uint64_t mark() const { return writes_; }
  void flush(uint64_t mark, uint64_t offset = 0, uint64_t length = UINT64_MAX);
  void fail_flush(Prng& prng, uint64_t offset = 0, uint64_t length = UINT64_MAX);
  void crash(Prng& prng);

 private:
  using Sector = std::array<std::byte, kSector>;
  struct Version {
    uint64_t write;
    Sector bytes;
  };
  // Not yet durable; the last version is what is read. The medium holds any one of them, or what
  // was there before.
  struct Dirty {
    std::deque<Version> versions;
    bool abandoned = false;  // by a failed flush
  };
  [[nodiscard]] const Sector* current(uint64_t sector) const;
  void cut_tail();

  uint64_t size_ = 0;
  uint64_t durable_size_ = 0;
  uint64_t writes_ = 0;
  std::map<uint64_t, Sector> durable_;  // absent: zeros
  std::map<uint64_t, Dirty> dirty_;
};

// A file or a directory.
struct SimNode {
  bool is_directory = false;
  uint64_t number = 0;
  bool locked = false;
  SimFile file;
  uint64_t sectors = 0;  // what it takes of the capacity
  std::shared_ptr<uint64_t> used;
  std::map<std::string, std::shared_ptr<SimNode>, std::less<>> names;
  std::map<std::string, std::shared_ptr<SimNode>, std::less<>> durable_names;
  ~SimNode() {
    if (used) *used -= sectors;
  }
};
using SimNodePtr = std::shared_ptr<SimNode>;

class SimDisk {
 public:
  SimDisk();

  // ---- for tests
  void set_capacity(uint64_t octets) { capacity_ = octets / kSector; }
  [[nodiscard]] uint64_t used() const { return *used_ * kSector; }
  [[nodiscard]] std::optional<std::string> read_file(std::string_view path) const;
  void write_file(std::string_view path, std::string_view bytes);  // durable, folders too
  [[nodiscard]] std::vector<std::string> list(std::string_view path) const;
  void sync_all();
  // The power goes: what is not durable survives by chance.
  void crash(Prng& prng);

  // ---- for the kernel; paths start at `base`, or at the root when they start with '/'
  [[nodiscard]] const SimNodePtr& root() const { return root_; }
  int find(const SimNodePtr& base, std::string_view path, SimNodePtr& found) const;
  int create(const SimNodePtr& base, std::string_view path, bool exclusive, SimNodePtr& created);
  int make_directories(std::string_view path);
  int rename(const SimNodePtr& from_base, std::string_view from, const SimNodePtr& to_base,
             std::string_view to);
  int remove(std::string_view path);
  [[nodiscard]] uint64_t mark() const { return changes_; }
  void sync_directory(const SimNodePtr& directory, uint64_t mark);
  // Takes room for a file of this size; answers the size that there is room for.
  uint64_t reserve(SimNode& node, uint64_t octets);

 private:
  // One step of the name space, with all names that it touches.
  struct Assignment {
    SimNodePtr directory;
    std::string name;
    SimNodePtr node;  // null: the name goes
  };
  struct Change {
    uint64_t number;
    std::vector<Assignment> assignments;
  };
  SimNodePtr make_node(bool directory);
  int find_parent(const SimNodePtr& base, std::string_view path, SimNodePtr& parent,
                  std::string_view& name) const;
  void apply(std::vector<Assignment> assignments);
  static void make_durable(const Assignment& assignment);

  SimNodePtr root_;
  std::vector<std::weak_ptr<SimNode>> nodes_;
  std::deque<Change> pending_;
  uint64_t changes_ = 0;
  uint64_t next_number_ = 1;
  uint64_t capacity_ = UINT64_MAX;
  std::shared_ptr<uint64_t> used_;
};

}  // namespace relais::simulation
