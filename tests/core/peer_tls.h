// TLS of the servers in simulated worlds, and of who connects to them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tls/client_context.h"
#include "tls/server_context.h"
#include "tls/stream.h"
#include "tls/ticket_keys.h"

namespace relais::test {

// From here on OpenSSL's random octets are those of this seed, so that a seed tells one story: a
// ticket, for one, differs in length by them.
void draw_tls_from(uint64_t seed);

// Of one connection; from begin() on what is written goes through seal().
class PeerTls {
 public:
  void begin(std::shared_ptr<const tls::ServerContext> context);
  [[nodiscard]] bool begun() const { return stream_ != nullptr; }
  [[nodiscard]] bool handshake_done() const { return begun() && stream_->writable(); }
  // Appends what it says. False: TLS has ended, or failed.
  [[nodiscard]] bool open(std::string_view ciphertext, std::string& plaintext);
  // What is to be written for it, and for what TLS itself has to say.
  [[nodiscard]] std::string seal(std::string_view plaintext = {});

 private:
  std::unique_ptr<tls::Stream> stream_;
};

// The host's own, whatever the seed: a ticket of one host opens nothing at another.
[[nodiscard]] std::shared_ptr<tls::TicketKeys> ticket_keys_for(const std::string& host);
// With a certificate for this host, of one authority; made once for each.
[[nodiscard]] std::shared_ptr<const tls::ServerContext> tls_server_for(
    const std::string& host, RecordKinds kernel_records = {});
// `verifies`: the server must have such a certificate for the name that it is asked for.
[[nodiscard]] std::shared_ptr<const tls::ClientContext> tls_client(bool verifies);

}  // namespace relais::test
