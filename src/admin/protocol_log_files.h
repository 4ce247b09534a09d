// The files of the protocol log: RECVyyyymmdd-nnnn.log in one folder, by the day (UTC) and a number
// from 1. Each begins with five lines of header. A file ends with its day, or when it would become
// larger than max_file_size; then the oldest go, so that the folder stays within max_folder_size
// and no file is older than max_age. A start goes on in the last file of the day.
//
// Other files in the folder are nobody's and are left alone. Failure: lines that cannot be written
// are dropped whole; a file never ends in the middle of a line. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/model.h"

namespace relais::admin {

class ProtocolLogFiles {
 public:
  struct Written {
    uint64_t lines = 0;
    uint64_t dropped = 0;
    std::string problem;  // empty: nothing was dropped
  };

  // `settings.folder` is not empty; `version`: the program's.
  ProtocolLogFiles(config::ProtocolLogSettings settings, std::string version);
  ~ProtocolLogFiles();
  ProtocolLogFiles(const ProtocolLogFiles&) = delete;
  ProtocolLogFiles& operator=(const ProtocolLogFiles&) = delete;

  // From the next line on.
  void configure(config::ProtocolLogSettings settings);
  // Lines that each end in LF.
  [[nodiscard]] Written write(std::string_view lines, WallTime now);
  // Removes what is too old.
  void clean(WallTime now);

 private:
  struct File {
    std::string name;
    int64_t day = 0;  // since 1970-01-01
    uint64_t number = 0;
    uint64_t octets = 0;
  };
  [[nodiscard]] std::string open_for(size_t octets, WallTime now);
  [[nodiscard]] std::string open(const File& file, WallTime now);
  [[nodiscard]] std::string begin(int64_t day, WallTime now);
  [[nodiscard]] std::string append(std::string_view text);
  [[nodiscard]] std::vector<File> files() const;
  void make_room(WallTime now);
  void remove(const File& file) const;
  void close();

  config::ProtocolLogSettings settings_;
  std::string version_;
  int fd_ = -1;
  File file_;            // that is open
  bool looked_ = false;  // for the last file of the day
};

}  // namespace relais::admin
