// TLS records of one direction, made or opened by a key as Linux's tls module does it; what the
// tests hold against OpenSSL, and what SimKernel has in place of that module.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/tls_record.h"

namespace relais::simulation {

class SimRecords {
 public:
  static constexpr size_t kHeading = 5;
  static constexpr size_t kContentMax = 16'384;

  explicit SimRecords(const RecordKey& key) : key_(key) {}

  // Octets of a record beside its content.
  [[nodiscard]] size_t overhead() const;
  [[nodiscard]] std::string seal(RecordType type, std::string_view content);
  // The first record of `bytes` with its heading; 0: it is not all there.
  [[nodiscard]] static size_t first(std::string_view bytes);
  // Nothing: it was made by another key, or changed.
  [[nodiscard]] std::optional<ControlRecord> open(std::string_view record);

 private:
  [[nodiscard]] std::string nonce(std::string_view explicit_part) const;
  [[nodiscard]] std::string associated(std::string_view heading, size_t octets) const;

  RecordKey key_;
};

}  // namespace relais::simulation
