// Files of certificates and keys: read whole, so that what is wrong with them can be said.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tls/finding.h"
#include "tls/openssl.h"

namespace relais::tls {

// More than any chain or bundle of authorities has.
inline constexpr size_t kFileMax = size_t{4} << 20;

struct PemFile {
  std::string text;
  uint32_t mode = 0;  // permission bits

  PemFile() = default;
  PemFile(PemFile&&) = default;
  PemFile& operator=(PemFile&&) = default;
  ~PemFile();  // wipes the text: it may have been a key

  [[nodiscard]] BioPtr open() const;
  [[nodiscard]] bool has(std::string_view words) const {
    return text.find(words) != std::string::npos;
  }
};

// Nothing: with a finding. `what`: "certificate", "key".
[[nodiscard]] std::optional<PemFile> read_pem(FindingsOf& findings);

// All certificates of the file, in its order; empty: with a finding.
[[nodiscard]] std::vector<X509Ptr> read_certificates(const PemFile& file, FindingsOf& findings);
// The first private key; null: with a finding.
[[nodiscard]] KeyPtr read_key(const PemFile& file, FindingsOf& findings);

}  // namespace relais::tls
