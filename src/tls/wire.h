// The two ends of a stream that lie towards the network, as OpenSSL sees them (a BIO): input is
// read straight from the caller's buffer, output is appended to a string that the caller sends.
// One copy less each way than through memory BIOs. Nothing here fails but for an output that grows
// without anybody having written.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

struct bio_st;

namespace relais::tls {

class RecordSecrets;

struct Wire {
  // What the peer may make us say (handshake, alerts, new keys) before somebody has taken it. A
  // flight of a handshake is below 10 KiB.
  static constexpr size_t kUnaskedMax = 64 * 1024;

  std::string_view input;            // what is left of the lent bytes
  std::string output;                // to be sent
  bool starved = false;              // OpenSSL wanted more than there was
  bool writing = false;              // output is being asked for by write()
  size_t unasked = 0;                // octets of output that were not, since it was last empty
  RecordSecrets* secrets = nullptr;  // sees what passes; borrowed; or null

  // A new BIO over this wire, which must outlive it; nullptr: no memory.
  [[nodiscard]] bio_st* make_bio();
};

}  // namespace relais::tls
