// Which messages and recipients have come before, over all threads of a sink: a set of hashes.
// Memory: 8 octets each, at most kEntriesMax of them; what comes beyond is not compared, and the
// summary says so (relais-verify has no such limit).
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

namespace relais::sink {

class Seen {
 public:
  static constexpr size_t kEntriesMax = size_t{1} << 25;
  enum class Answer : uint8_t { kNew, kBefore, kFull };

  explicit Seen(size_t entries_max = kEntriesMax) : entries_max_(entries_max) {}
  [[nodiscard]] Answer add(uint64_t run, uint64_t number, std::string_view recipient);

 private:
  [[nodiscard]] uint64_t& place_of(uint64_t hash);
  void grow();

  size_t entries_max_;
  std::mutex mutex_;
  size_t size_ = 0;
  std::vector<uint64_t> table_ = std::vector<uint64_t>(1 << 12);  // 0: free
};

}  // namespace relais::sink
