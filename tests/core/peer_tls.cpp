#define OPENSSL_SUPPRESS_DEPRECATED  // RAND_METHOD: a provider of random octets takes a page more
#include "core/peer_tls.h"

#include <openssl/rand.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "tls/certificates.h"

namespace relais::test {
namespace {

constexpr auto kKey = tls::test::KeyType::kRsa2048;

Prng random_octets{1};

int draw(unsigned char* out, int count) {
  std::generate_n(out, count, [] { return static_cast<unsigned char>(random_octets.next()); });
  return 1;
}

void draw_from(const Prng& prng) {
  static const RAND_METHOD method = {.seed = nullptr,
                                     .bytes = draw,
                                     .cleanup = nullptr,
                                     .add = nullptr,
                                     .pseudorand = draw,
                                     .status = [] { return 1; }};
  random_octets = prng;
  RAND_set_rand_method(&method);
}

// What is made once in a process is the same in every run, and the octets of a seed stay where they
// were.
template <class Make>
auto make_alike(const std::string& what, Make make) {
  const Prng before = random_octets;
  draw_from(Prng(std::hash<std::string>{}(what)));
  auto made = make();
  draw_from(before);
  return made;
}

// The same key in every run: how often a signature draws depends on it.
tls::test::Issued issue_alike(const tls::test::Request& request, const tls::test::Issued* issuer) {
  return make_alike(request.common_name, [&] { return tls::test::issue(request, issuer); });
}

// RSA also here: other signatures are not all of one length.
const tls::test::Issued& authority() {
  static const auto made =
      issue_alike({.common_name = "Test Authority", .key = kKey, .authority = true}, nullptr);
  return made;
}

}  // namespace

void draw_tls_from(uint64_t seed) { draw_from(Prng(seed)); }

void PeerTls::begin(std::shared_ptr<const tls::ServerContext> context) {
  stream_ = std::make_unique<tls::Stream>(std::move(context));
}

bool PeerTls::open(std::string_view ciphertext, std::string& plaintext) {
  std::vector<char> memory(tls::kRecordMax);
  stream_->feed(ciphertext);
  for (;;) {
    const tls::Event event = stream_->next(memory);
    switch (event.kind) {
      case tls::Event::Kind::kNeedInput:
        return true;
      case tls::Event::Kind::kOpened:
        break;
      case tls::Event::Kind::kPlaintext:
        plaintext.append(memory.data(), event.octets);
        break;
      case tls::Event::Kind::kEnded:
      case tls::Event::Kind::kFailed:
        return false;
    }
  }
}

std::string PeerTls::seal(std::string_view plaintext) {
  if (!plaintext.empty()) (void)stream_->write(plaintext);
  return std::exchange(stream_->output_buffer(), {});
}

std::shared_ptr<tls::TicketKeys> ticket_keys_for(const std::string& host) {
  return make_alike("ticket keys of " + host,
                    [] { return std::make_shared<tls::TicketKeys>(Instant{}); });
}

std::shared_ptr<const tls::ServerContext> tls_server_for(const std::string& host,
                                                         RecordKinds kernel_records) {
  static std::map<std::pair<std::string, uint32_t>, std::shared_ptr<const tls::ServerContext>> made;
  uint32_t kinds = 0;
  for (const TlsRecordKind kind : kRecordKinds)
    kinds = kinds * 2 + (kernel_records.has(kind) ? 1 : 0);
  auto& context = made[{host, kinds}];
  if (context != nullptr) return context;
  const auto issued =
      issue_alike({.common_name = host, .names = {"DNS:" + host}, .key = kKey}, &authority());
  tls::test::Files files;
  context = tls::ServerContext::load(
                {.certificates = {{files.write("c.pem", issued.pem + issued.key_pem), ""}},
                 .client_authorities = {},
                 .kernel_records = kernel_records},
                ticket_keys_for(host), tls::test::now())
                .context;
  return context;
}

std::shared_ptr<const tls::ClientContext> tls_client(bool verifies) {
  tls::test::Files files;
  return tls::ClientContext::load(
             {.verify = verifies, .authorities = files.write("ca.pem", authority().pem)})
      .context;
}

}  // namespace relais::test
