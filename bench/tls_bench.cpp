// What TLS costs one core: handshakes (the server's share and the client's, full and resumed, by
// key and version) and a record of 10 KiB in and out, with the allocations of each. `memory_bios`
// is the same record through OpenSSL's own memory BIOs: what src/tls/wire.h saves.
#include <benchmark/benchmark.h>
#include <openssl/ssl.h>

#include <chrono>
#include <ctime>
#include <string>

#include "certificates.h"
#include "measure.h"
#include "tls/client_context.h"
#include "tls/server_context.h"
#include "tls/stream.h"

namespace {

using namespace relais::tls;
using namespace relais::bench;
using test::KeyType;

constexpr const char* kHost = "relay.contoso.com";

std::shared_ptr<const ServerContext> server_context(KeyType key, int version) {
  test::Files files;
  const test::Issued& issued = test::issued_for(std::string("DNS:") + kHost, key);
  const auto loaded = ServerContext::load(
      {.certificates = {{files.write("c.pem", issued.pem + issued.key_pem), ""}},
       .client_authorities = {}},
      std::make_shared<TicketKeys>(relais::Instant{1}), test::now());
  SSL_CTX_set_max_proto_version(loaded.context->context_for(kHost), version);
  return loaded.context;
}

std::shared_ptr<const ClientContext> client_context(bool verify) {
  test::Files files;
  return ClientContext::load(
             {.verify = verify, .authorities = files.write("ca.pem", test::authority().pem)})
      .context;
}

// Of this thread: the machine may have other work.
std::chrono::nanoseconds core_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// What one side's share took: time of this core, and allocations. Only that is in the profile.
struct Cost {
  std::chrono::nanoseconds spent{};
  uint64_t allocated = 0;

  template <class Work>
  void add(Work work) {
    resume_profile();
    const auto begin = core_time();
    const uint64_t before = allocations();
    work();
    allocated += allocations() - before;
    spent += core_time() - begin;
    pause_profile();
  }
};

// A stream whose share is added to `cost`, or to nothing.
struct Side {
  Stream& stream;
  Cost* cost = nullptr;
  bool opened = false;

  void hear(std::string words) {
    if (cost == nullptr) return work(words);
    cost->add([&] { work(words); });
  }
  void work(std::string& words) {
    static char memory[kRecordMax];
    if (!words.empty()) stream.feed(words);
    for (;;) {
      const Event event = stream.next(memory);
      if (event.kind == Event::Kind::kOpened) opened = true;
      if (event.kind != Event::Kind::kOpened && event.kind != Event::Kind::kPlaintext) break;
    }
  }
  std::string take() { return std::exchange(stream.output_buffer(), {}); }
};

void shake_hands(Side& client, Side& server) {
  client.hear({});
  while (!client.stream.output().empty() || !server.stream.output().empty()) {
    server.hear(client.take());
    client.hear(server.take());
  }
}

enum class Whose : uint8_t { kServer, kClient };

// Connections of one client with one server, all the same.
class Connections {
 public:
  Connections(KeyType key, int version, bool resumed, Whose whose, bool verify)
      : of_server_(server_context(key, version)),
        of_client_(client_context(verify)),
        resumed_(resumed),
        whose_(whose) {
    if (resumed) (void)make();  // gets the ticket
  }

  // Made and ended; a stream costs the same on both sides. Null, or what went wrong.
  const char* make() {
    std::unique_ptr<Stream> server_stream;
    std::unique_ptr<Stream> client_stream;
    const auto make_server = [&] { server_stream = std::make_unique<Stream>(of_server_); };
    const auto make_client = [&] {
      client_stream = std::make_unique<Stream>(of_client_, kHost, session_);
    };
    const bool of_server = whose_ == Whose::kServer;
    of_server ? cost.add(make_server) : make_server();
    of_server ? make_client() : cost.add(make_client);
    Side server{*server_stream, of_server ? &cost : nullptr};
    Side client{*client_stream, of_server ? nullptr : &cost};
    shake_hands(client, server);
    if (!server.opened || !client.opened) return "the handshake failed";
    const bool has_ticket = session_.data != nullptr;
    if (server_stream->resumed() != has_ticket) return "resumed or not, it is the other";
    if (resumed_ && !has_ticket) session_ = client_stream->take_session();
    auto& measured = of_server ? server_stream : client_stream;
    cost.add([&] { measured.reset(); });
    return nullptr;
  }

  Cost cost;

 private:
  std::shared_ptr<const ServerContext> of_server_;
  std::shared_ptr<const ClientContext> of_client_;
  Session session_;
  bool resumed_;
  Whose whose_;
};

// Not too few: numbers that are drawn make each a little different.
constexpr Expected kHandshake{.fewer = 100};

void handshakes(benchmark::State& run, KeyType key, int version, bool resumed, Whose whose,
                bool verify) {
  Connections connections(key, version, resumed, whose, verify);
  if (operations_asked() != 0) {
    const uint64_t operations = profiled_operations(kHandshake);
    begin_profile();
    pause_profile();
    for (uint64_t i = 0; i < operations; ++i) (void)connections.make();
    resume_profile();
    end_profile(run, operations);
    for (auto _ : run) run.SetIterationTime(1);
    return;
  }
  uint64_t allocated = 0;
  for (auto _ : run) {
    connections.cost = {};
    if (const char* wrong = connections.make()) return fail(run, wrong);
    allocated += connections.cost.allocated;
    run.SetIterationTime(std::chrono::duration<double>(connections.cost.spent).count());
  }
  run.SetItemsProcessed(run.iterations());
  report_allocations(run, allocated, kHandshake);
}

#define HANDSHAKE(name, ...) \
  BENCHMARK_CAPTURE(handshakes, name, __VA_ARGS__)->UseManualTime()->Unit(benchmark::kMicrosecond)
HANDSHAKE(server_rsa2048_full, KeyType::kRsa2048, TLS1_3_VERSION, false, Whose::kServer, false);
HANDSHAKE(server_p256_full, KeyType::kP256, TLS1_3_VERSION, false, Whose::kServer, false);
HANDSHAKE(server_p256_full_tls12, KeyType::kP256, TLS1_2_VERSION, false, Whose::kServer, false);
HANDSHAKE(server_rsa2048_resumed, KeyType::kRsa2048, TLS1_3_VERSION, true, Whose::kServer, false);
HANDSHAKE(server_p256_resumed, KeyType::kP256, TLS1_3_VERSION, true, Whose::kServer, false);
HANDSHAKE(server_p256_resumed_tls12, KeyType::kP256, TLS1_2_VERSION, true, Whose::kServer, false);
HANDSHAKE(client_rsa2048_full, KeyType::kRsa2048, TLS1_3_VERSION, false, Whose::kClient, false);
HANDSHAKE(client_p256_full, KeyType::kP256, TLS1_3_VERSION, false, Whose::kClient, false);
HANDSHAKE(client_p256_verified, KeyType::kP256, TLS1_3_VERSION, false, Whose::kClient, true);
HANDSHAKE(client_p256_resumed, KeyType::kP256, TLS1_3_VERSION, true, Whose::kClient, false);

// An open pair whose server chose `suite`.
struct Pair {
  explicit Pair(const char* suite) : of_server(server_context(KeyType::kP256, TLS1_3_VERSION)) {
    SSL_CTX_set_ciphersuites(of_server->context_for(kHost), suite);
    server_stream = std::make_unique<Stream>(of_server);
    client_stream = std::make_unique<Stream>(client_context(false), kHost);
    Side server{*server_stream};
    Side client{*client_stream};
    shake_hands(client, server);
  }
  std::shared_ptr<const ServerContext> of_server;
  std::unique_ptr<Stream> server_stream;
  std::unique_ptr<Stream> client_stream;
};

constexpr const char* kSuites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                   "TLS_CHACHA20_POLY1305_SHA256"};

// OpenSSL's own, of which one each way is the buffer that an idle session shall not keep
// (SSL_MODE_RELEASE_BUFFERS); the others are in OpenSSL 3.0 whatever its modes.
constexpr Expected kWrite{.allocations = 4};
constexpr Expected kRead{.allocations = 2};

void write_record(benchmark::State& run) {
  Pair pair(kSuites[run.range(1)]);
  const std::string plaintext(static_cast<size_t>(run.range(0)), 'x');
  const auto write = [&] {
    pair.server_stream->output_buffer().clear();
    benchmark::DoNotOptimize(pair.server_stream->write(plaintext));
  };
  measure(run, write, kWrite);
  run.SetBytesProcessed(run.iterations() * run.range(0));
  run.SetLabel(kSuites[run.range(1)]);
}

// Ciphertext of many records.
class Records {
 public:
  static constexpr uint64_t kMade = 200;

  // `write` encrypts one and gives its ciphertext.
  template <class Write>
  void make(Write write) {
    ciphertext_.clear();
    for (uint64_t i = 0; i < kMade; ++i) ciphertext_ += write();
    at_ = 0;
  }
  std::span<const char> next() {
    const size_t octets = ciphertext_.size() / kMade;
    at_ += octets;
    return {ciphertext_.data() + at_ - octets, octets};
  }

 private:
  std::string ciphertext_;
  size_t at_ = 0;
};

void read_record(benchmark::State& run) {
  Pair pair(kSuites[run.range(1)]);
  const std::string plaintext(static_cast<size_t>(run.range(0)), 'x');
  Records records;
  std::vector<char> memory(kRecordMax);
  size_t lost = 0;
  const auto make = [&] {
    records.make([&] {
      (void)pair.client_stream->write(plaintext);
      return std::exchange(pair.client_stream->output_buffer(), {});
    });
  };
  const auto read = [&] {
    pair.server_stream->feed(records.next());
    size_t octets = 0;
    for (Event event; (event = pair.server_stream->next(memory)).kind != Event::Kind::kNeedInput;) {
      octets += event.octets;
    }
    lost += plaintext.size() - octets;
  };
  measure_batches(run, Records::kMade, make, read, kRead);
  if (lost != 0) return fail(run, "a record was lost");
  run.SetBytesProcessed(run.iterations() * run.range(0));
  run.SetLabel(kSuites[run.range(1)]);
}

// The same without wire.h.
struct MemoryBios {
  explicit MemoryBios(SSL* made) : ssl(made) {
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }
  ~MemoryBios() { SSL_free(ssl); }
  MemoryBios(const MemoryBios&) = delete;
  MemoryBios& operator=(const MemoryBios&) = delete;

  std::string take() const {
    std::string words(BIO_ctrl_pending(SSL_get_wbio(ssl)), '\0');
    if (!words.empty()) BIO_read(SSL_get_wbio(ssl), words.data(), static_cast<int>(words.size()));
    return words;
  }
  void give(std::span<const char> words) const {
    if (!words.empty()) BIO_write(SSL_get_rbio(ssl), words.data(), static_cast<int>(words.size()));
  }
  std::string write(std::string_view text) const {
    SSL_write(ssl, text.data(), static_cast<int>(text.size()));
    return take();
  }
  SSL* ssl;
};

struct MemoryPair {
  MemoryPair() : server(of_server->open()), client(of_client->open(kHost)) {
    SSL_set_accept_state(server.ssl);
    SSL_set_connect_state(client.ssl);
    // Two round trips; then the client reads the ticket.
    for (int i = 0; i < 3; ++i) {
      SSL_do_handshake(client.ssl);
      server.give(client.take());
      SSL_do_handshake(server.ssl);
      client.give(server.take());
    }
  }
  std::shared_ptr<const ServerContext> of_server = server_context(KeyType::kP256, TLS1_3_VERSION);
  std::shared_ptr<const ClientContext> of_client = client_context(false);
  MemoryBios server;
  MemoryBios client;
};

void write_record_memory_bios(benchmark::State& run) {
  const MemoryPair pair;
  const std::string plaintext(static_cast<size_t>(run.range(0)), 'x');
  measure(run, [&] { benchmark::DoNotOptimize(pair.server.write(plaintext)); });
  run.SetBytesProcessed(run.iterations() * run.range(0));
}

void read_record_memory_bios(benchmark::State& run) {
  const MemoryPair pair;
  const std::string plaintext(static_cast<size_t>(run.range(0)), 'x');
  Records records;
  std::vector<char> memory(kRecordMax);
  size_t lost = 0;
  const auto make = [&] { records.make([&] { return pair.client.write(plaintext); }); };
  const auto read = [&] {
    pair.server.give(records.next());
    size_t octets = 0;
    for (int got = 0; (got = SSL_read(pair.server.ssl, memory.data(), kRecordMax)) > 0;)
      octets += static_cast<size_t>(got);
    lost += plaintext.size() - octets;
  };
  measure_batches(run, Records::kMade, make, read);
  if (lost != 0) return fail(run, "a record was lost");
  run.SetBytesProcessed(run.iterations() * run.range(0));
}

void suites(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t suite : {0, 1, 2}) benchmark->Args({10 << 10, suite});
  benchmark->Args({64, 0});
}

BENCHMARK(write_record)->Apply(suites);
BENCHMARK(write_record_memory_bios)->Arg(10 << 10)->Arg(64);
BENCHMARK(read_record)->Apply(suites);
BENCHMARK(read_record_memory_bios)->Arg(10 << 10)->Arg(64);

}  // namespace
