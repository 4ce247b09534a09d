// A ledger on disk, written in big pieces: lines gather in a buffer of the caller's thread and go
// out in one write(2) each kOctetsMax, or when flush() is called. O_APPEND, whole lines only: so
// several threads may each have their own File on one path, opened one after the other. Fails only
// by the disk, and says so; a line that could not be written is gone.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ledger/line.h"

namespace relais::ledger {

class File {
 public:
  static constexpr size_t kOctetsMax = 256 * 1024;

  // Written on if it is there, as a restart needs it, with the first line again. kCorrupt: it is no
  // ledger of this kind, or its last line is torn.
  [[nodiscard]] static Result<File> open(const std::string& path, Kind kind);
  // The same one, for another thread.
  [[nodiscard]] Result<File> again() const;
  ~File();
  File(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File& operator=(File&&) = delete;

  // Append lines here (begin_sent() ... end_line()), then call written().
  [[nodiscard]] std::string& buffer() { return buffer_; }
  Result<void> written() { return buffer_.size() < kOctetsMax ? Result<void>{} : flush(); }
  Result<void> flush();

 private:
  explicit File(int fd) : fd_(fd) {}

  int fd_;
  std::string buffer_;
};

// Why open() failed, in words.
[[nodiscard]] std::string_view why_not_open(const std::string& path, Error error);

}  // namespace relais::ledger
