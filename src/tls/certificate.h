// A server's certificate with its chain and its key, from PEM files, looked at before OpenSSL is:
// each mistake is one finding with a cure. Inside the room only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "tls/finding.h"
#include "tls/openssl.h"

namespace relais::tls {

struct Identity {
  X509Ptr leaf;
  std::vector<X509Ptr> chain;  // without the leaf
  KeyPtr key;
  std::vector<std::string> names;  // of the leaf, in lower case
  WallTime not_after;              // the earliest of leaf and chain
};

// `key_file` empty: the key is in the certificate's file. Nothing: it cannot be used. What can be
// used may still have errors: a certificate that has expired, a key that everybody can read.
[[nodiscard]] std::optional<Identity> load_identity(const std::string& certificate_file,
                                                    const std::string& key_file, WallTime now,
                                                    std::vector<Finding>& findings);

// The DNS names of the subject alternative names, as they stand there; those with octets that no
// host name has are left out. Without any such extension: the common name (RFC 6125 6.4.4).
[[nodiscard]] std::vector<std::string> dns_names(const X509& certificate);
// The same for the mail addresses, without the common name.
[[nodiscard]] std::vector<std::string> mail_addresses(const X509& certificate);
// Its own end; far away where it has none.
[[nodiscard]] WallTime not_after(const X509& certificate);
// RFC 4514 text, UTF-8; controls are escaped.
[[nodiscard]] std::string subject_of(const X509& certificate);

}  // namespace relais::tls
