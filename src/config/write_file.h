// Replaces a file of the configuration so that at every instant, and after a power cut, it is the
// old one or the new one. Keeps its mode and, where it may, its owner.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace relais::config {

// Unexpected: what the system says.
[[nodiscard]] std::expected<void, std::string> write_file(const std::string& path,
                                                          std::string_view text);
// Fails when the file exists.
[[nodiscard]] std::expected<void, std::string> create_file(const std::string& path,
                                                           std::string_view text);
[[nodiscard]] std::expected<void, std::string> remove_file(const std::string& path);
// With what is missing above it.
[[nodiscard]] std::expected<void, std::string> make_folder(const std::string& path);
// nullopt: it is not there, or cannot be read.
[[nodiscard]] std::optional<std::string> read_text(const std::string& path);

// A lock on a folder between the programs that edit it; gone with the object.
class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;

  // Waits for at most `milliseconds`.
  [[nodiscard]] static std::expected<FolderLock, std::string> take(const std::string& folder,
                                                                   int milliseconds);

 private:
  int fd_ = -1;
};

}  // namespace relais::config
