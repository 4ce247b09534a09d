// What TLS costs one core: handshakes (the server's share and the client's, full and resumed, by
// key and version) and a record of 10 KiB in and out, with the allocations of each. `memory_bios`
// is the same record through OpenSSL's own memory BIOs: what src/tls/wire.h saves.
#include <benchmark/benchmark.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <new>
#include <string>

#include "certificates.h"
#include "tls/client_context.h"
#include "tls/server_context.h"
#include "tls/stream.h"

namespace {
uint64_t allocations = 0;
}

[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using namespace relais::tls;
using test::KeyType;

[[maybe_unused]] const int counted = CRYPTO_set_mem_functions(
    [](size_t size, const char*, int) {
      ++allocations;
      return std::malloc(size);
    },
    [](void* memory, size_t size, const char*, int) {
      ++allocations;
      return std::realloc(memory, size);
    },
    [](void* memory, const char*, int) { std::free(memory); });

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

// A stream, the time it took of this core, and what it allocated.
struct Side {
  Stream& stream;
  std::chrono::nanoseconds spent{};
  uint64_t allocated = 0;
  bool opened = false;

  void hear(std::string words) {
    static char memory[kRecordMax];
    const auto begin = core_time();
    const uint64_t before = allocations;
    if (!words.empty()) stream.feed(words);
    for (;;) {
      const Event event = stream.next(memory);
      if (event.kind == Event::Kind::kOpened) opened = true;
      if (event.kind != Event::Kind::kOpened && event.kind != Event::Kind::kPlaintext) break;
    }
    allocated += allocations - before;
    spent += core_time() - begin;
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

void handshakes(benchmark::State& run, KeyType key, int version, bool resumed, Whose whose,
                bool verify) {
  const auto of_server = server_context(key, version);
  const auto of_client = client_context(verify);
  Session session;
  uint64_t allocated = 0;
  for (auto _ : run) {
    const uint64_t before = allocations;
    const auto begin = core_time();
    auto server_stream = std::make_unique<Stream>(of_server);
    const auto made = core_time() - begin;
    const uint64_t of_making = allocations - before;
    Stream client_stream(of_client, kHost, session);
    Side server{*server_stream};
    Side client{client_stream};
    shake_hands(client, server);
    if (!server.opened || !client.opened) return run.SkipWithError("the handshake failed");
    if (resumed && session.data == nullptr) {
      session = client_stream.take_session();
    } else if (server_stream->resumed() != resumed) {
      return run.SkipWithError("resumed or not, it is the other");
    }
    const Side& measured = whose == Whose::kServer ? server : client;
    const auto end_begin = core_time();
    server_stream.reset();
    const auto ended = core_time() - end_begin;
    allocated += measured.allocated + of_making;
    run.SetIterationTime(std::chrono::duration<double>(measured.spent + made + ended).count());
  }
  run.SetItemsProcessed(run.iterations());
  run.counters["allocations"] =
      benchmark::Counter(static_cast<double>(allocated), benchmark::Counter::kAvgIterations);
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

void set_counters(benchmark::State& run, size_t octets, uint64_t allocated) {
  run.SetBytesProcessed(run.iterations() * static_cast<int64_t>(octets));
  run.counters["allocations"] =
      benchmark::Counter(static_cast<double>(allocated), benchmark::Counter::kAvgIterations);
}

void write_record(benchmark::State& run) {
  Pair pair(kSuites[run.range(1)]);
  const std::string plaintext(static_cast<size_t>(run.range(0)), 'x');
  uint64_t before = 0;
  (void)pair.server_stream->write(plaintext);
  for (auto _ : run) {
    if (before == 0) before = allocations;
    pair.server_stream->output_buffer().clear();
    benchmark::DoNotOptimize(pair.server_stream->write(plaintext));
  }
  set_counters(run, plaintext.size(), allocations - before);
  run.SetLabel(kSuites[run.range(1)]);
}

// Ciphertext of many records, made outside the clock.
class Records {
 public:
  explicit Records(std::string plaintext) : plaintext_(std::move(plaintext)) {}

  // The next one; `write` encrypts and gives the ciphertext.
  template <class Write>
  std::span<const char> next(benchmark::State& run, Write write) {
    if (at_ == ciphertext_.size()) {
      run.PauseTiming();
      ciphertext_.clear();
      for (int i = 0; i < kMade; ++i) ciphertext_ += write(plaintext_);
      at_ = 0;
      run.ResumeTiming();
    }
    const size_t octets = ciphertext_.size() / kMade;
    at_ += octets;
    return {ciphertext_.data() + at_ - octets, octets};
  }
  [[nodiscard]] size_t octets() const { return plaintext_.size(); }

 private:
  static constexpr int kMade = 200;
  std::string plaintext_;
  std::string ciphertext_;
  size_t at_ = 0;
};

void read_record(benchmark::State& run) {
  Pair pair(kSuites[run.range(1)]);
  Records records(std::string(static_cast<size_t>(run.range(0)), 'x'));
  std::vector<char> memory(kRecordMax);
  uint64_t allocated = 0;
  for (auto _ : run) {
    const auto record = records.next(run, [&](const std::string& text) {
      (void)pair.client_stream->write(text);
      return std::exchange(pair.client_stream->output_buffer(), {});
    });
    const uint64_t before = allocations;
    pair.server_stream->feed(record);
    size_t octets = 0;
    for (Event event; (event = pair.server_stream->next(memory)).kind != Event::Kind::kNeedInput;) {
      octets += event.octets;
    }
    allocated += allocations - before;
    if (octets != records.octets()) return run.SkipWithError("a record was lost");
  }
  set_counters(run, records.octets(), allocated);
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
  uint64_t before = 0;
  (void)pair.server.write(plaintext);
  for (auto _ : run) {
    if (before == 0) before = allocations;
    benchmark::DoNotOptimize(pair.server.write(plaintext));
  }
  set_counters(run, plaintext.size(), allocations - before);
}

void read_record_memory_bios(benchmark::State& run) {
  const MemoryPair pair;
  Records records(std::string(static_cast<size_t>(run.range(0)), 'x'));
  std::vector<char> memory(kRecordMax);
  uint64_t allocated = 0;
  for (auto _ : run) {
    const auto record =
        records.next(run, [&](const std::string& text) { return pair.client.write(text); });
    const uint64_t before = allocations;
    pair.server.give(record);
    int octets = 0;
    for (int got = 0; (got = SSL_read(pair.server.ssl, memory.data(), kRecordMax)) > 0;)
      octets += got;
    allocated += allocations - before;
    if (static_cast<size_t>(octets) != records.octets()) {
      return run.SkipWithError("a record was lost");
    }
  }
  set_counters(run, records.octets(), allocated);
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
