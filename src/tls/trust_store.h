// Whom we believe: the authorities of a PEM file, or those of the system. Inside the room only.
#pragma once

#include <string>
#include <vector>

#include "tls/finding.h"
#include "tls/openssl.h"

namespace relais::tls {

struct TrustStore {
  StorePtr store;                    // null: with a finding
  std::vector<X509Ptr> authorities;  // of the file; none for the system's store
  std::string digest;                // SHA-256 of the file; empty for the system's store
};

// `file` empty: the system's bundle, read now, so that no handshake has to open files.
[[nodiscard]] TrustStore load_trust_store(const std::string& file, std::vector<Finding>& findings);

}  // namespace relais::tls
