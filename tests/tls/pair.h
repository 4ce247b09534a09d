// Two streams that talk to each other in memory, with the bytes cut in a chosen way; contexts made
// of certificates of the test authority.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "certificates.h"
#include "tls/client_context.h"
#include "tls/server_context.h"
#include "tls/stream.h"

namespace relais::tls::test {

using ServerPtr = std::shared_ptr<const ServerContext>;
using ClientPtr = std::shared_ptr<const ClientContext>;

std::shared_ptr<TicketKeys> make_keys();
// One context; each element: "DNS:a.example,DNS:b.example", the key in the certificate's own file.
ServerPtr make_server(const std::vector<std::string>& certificates = {"DNS:relay.contoso.com"},
                      std::shared_ptr<TicketKeys> keys = make_keys(), ServerSettings settings = {});
ClientPtr make_client(bool verify = true);

// How a string is cut.
class Cutter {
 public:
  static Cutter whole() { return {SIZE_MAX, 0}; }
  static Cutter octets(size_t most) { return {most, 0}; }
  static Cutter random(uint64_t seed) { return {0, seed}; }
  size_t next(size_t left);

 private:
  Cutter(size_t most, uint64_t seed) : most_(most), prng_(seed) {}
  size_t most_;
  Prng prng_;
};

// One stream and what it has told so far.
struct Side {
  explicit Side(Stream& its_stream) : stream(its_stream) {}

  // Feeds all of it in pieces, each from memory of its own size, and notes the events.
  void hear(std::string_view ciphertext, Cutter& cutter);
  void hear(std::string_view ciphertext);
  // Takes what is in output().
  std::string take();

  Stream& stream;
  std::string log;    // "opened ", "ended ", "failed "
  std::string heard;  // plaintext
  size_t memory = kRecordMax;
  bool answers_end = true;  // the peer's close_notify is answered by ours at once

 private:
  void drain();
};

// Until neither has anything to say.
void talk(Side& a, Side& b, Cutter& cutter);
void talk(Side& a, Side& b);

}  // namespace relais::tls::test
