// Who changed what: one JSON object a line, appended and made durable before the shell goes on.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "config/model.h"
#include "shell/value.h"

namespace relais::shell {

// The file; `otherwise`: as long as there is no data_dir.
[[nodiscard]] std::string audit_path(const config::ServerSettings& server,
                                     const std::string& otherwise);
// Of the user who runs this program; empty: the uid has no name.
[[nodiscard]] std::string audit_user();

struct AuditEntry {
  std::string command;  // as it was typed
  std::string file;     // in the configuration folder; empty: none was changed
  Pairs before;         // by key, in the file's notation
  Pairs after;
  std::string result;
  bool is_answer = false;  // of the server, to the change in the line before: without the values
};

class AuditLog {
 public:
  AuditLog() = default;
  ~AuditLog();
  AuditLog(AuditLog&& other) noexcept;
  AuditLog& operator=(AuditLog&&) = delete;

  // Opened before the change: what cannot be written down is not done. Unexpected: what the system
  // says.
  [[nodiscard]] static std::expected<AuditLog, std::string> open(const std::string& path);
  [[nodiscard]] std::expected<void, std::string> append(const AuditEntry& entry) const;

 private:
  int fd_ = -1;
  std::string path_;
};

}  // namespace relais::shell
