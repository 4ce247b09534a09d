// What kernel TLS saves (docs/tls.md): CPU time of one message sent and one received on
// loopback, in the clear, through tls::Stream as the relay and the front do it, and with the
// records made and opened by the kernel; and of the cipher alone, which somebody has to pay.
// TLS 1.3; the keys are OpenSSL's, taken from its key log, because a BIO of one's own cannot be
// asked for them.
//
//   kernel_tls [ROUNDS [OCTETS]]     9 rounds of about 32 MiB; modprobe tls before it. Exit status
//                                    77: only root may have such socket buffers
//
// The peer is a process of its own on another CPU, and its time is not counted. A batch fits in the
// socket's buffers, so that nobody waits in what is measured; it is sent before it is received, not
// while. Each message is checked by the peer, or in the first batch by us. Where the kernel has no
// TLS its column stays empty; tools/bench-ktls runs this under one that has, and counts
// instructions.
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "certificates.h"
#include "tls/client_context.h"
#include "tls/server_context.h"
#include "tls/stream.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

namespace {

using namespace relais::tls;

constexpr const char* kHost = "relay.contoso.com";
constexpr size_t kReceived = 16 * 1024;         // a receive buffer of the front
constexpr size_t kPiece = 16 * 1024;            // a block of the spool
constexpr size_t kPieces = 16;                  // of one send of the relay in TLS
constexpr size_t kKept = 64 * 1024;             // of ciphertext, from one send to the next
constexpr size_t kRecordOverhead = 5 + 1 + 16;  // TLS 1.3: heading, content type, tag
constexpr size_t kBatch = 256 * 1024;
constexpr size_t kBatchMessages = 100;
constexpr int kSocketBuffer = 8 << 20;

enum class Way : uint8_t { kPlain, kUser, kKernel };
constexpr Way kWays[] = {Way::kPlain, Way::kUser, Way::kKernel};
enum class Direction : uint8_t { kSend, kReceive };

void need(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

void stay_on(unsigned cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  (void)sched_setaffinity(0, sizeof cpus, &cpus);  // with one CPU there is no other
}

double cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// ---- keys

std::string client_secret;  // of the newest handshake, from the key log
std::string server_secret;

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (; text.size() >= 2; text.remove_prefix(2))
    bytes += static_cast<char>(std::stoi(std::string(text.substr(0, 2)), nullptr, 16));
  return bytes;
}

void on_key_log(const SSL*, const char* text) {
  const std::string_view line = text;  // label, client's random, secret
  const std::string secret = from_hex(line.substr(line.rfind(' ') + 1));
  if (line.starts_with("CLIENT_TRAFFIC_SECRET_0")) client_secret = secret;
  if (line.starts_with("SERVER_TRAFFIC_SECRET_0")) server_secret = secret;
}

// HKDF-Expand-Label (RFC 8446 7.1) of up to one block.
std::string expand(const std::string& secret, std::string_view label, size_t octets) {
  const std::string name = "tls13 " + std::string(label);
  std::string info{'\0', static_cast<char>(octets), static_cast<char>(name.size())};
  info += name + std::string{'\0', '\1'};  // no context; the first block
  const EVP_MD* digest = secret.size() == 32 ? EVP_sha256() : EVP_sha384();
  std::array<unsigned char, EVP_MAX_MD_SIZE> block{};
  HMAC(digest, secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(info.data()), info.size(), block.data(), nullptr);
  return {reinterpret_cast<const char*>(block.data()), octets};
}

template <class Info>
bool give_key(int fd, int direction, uint16_t cipher, const std::string& secret) {
  Info info{};  // record 0 is the next: no ticket was sent
  info.info = {.version = TLS_1_3_VERSION, .cipher_type = cipher};
  std::memcpy(info.key, expand(secret, "key", sizeof info.key).data(), sizeof info.key);
  const std::string iv = expand(secret, "iv", sizeof info.salt + sizeof info.iv);
  std::memcpy(info.salt, iv.data(), sizeof info.salt);
  std::memcpy(info.iv, iv.data() + sizeof info.salt, sizeof info.iv);
  return setsockopt(fd, SOL_TLS, direction, &info, sizeof info) == 0;
}

bool give_keys(int fd) {
  if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") != 0) return false;
  const auto give = [fd](int direction, const std::string& secret) {
    return secret.size() == 32 ? give_key<tls12_crypto_info_aes_gcm_128>(
                                     fd, direction, TLS_CIPHER_AES_GCM_128, secret)
                               : give_key<tls12_crypto_info_aes_gcm_256>(
                                     fd, direction, TLS_CIPHER_AES_GCM_256, secret);
  };
  need(give(TLS_TX, server_secret), "TLS_TX");
  need(give(TLS_RX, client_secret), "TLS_RX");
#ifdef TLS_RX_EXPECT_NO_PAD
  const int on = 1;  // decrypts straight into our memory, since Linux 6.0
  (void)setsockopt(fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &on, sizeof on);
#endif
  return true;
}

// ---- what both sides do

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    need(sent > 0, "send");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::span<char> receive(int fd, std::span<char> memory) {
  const ssize_t got = recv(fd, memory.data(), memory.size(), 0);
  need(got > 0, "recv");
  return memory.first(static_cast<size_t>(got));
}

void shake_hands(int fd, Stream& stream) {
  std::array<char, kReceived> input{};
  std::array<char, kRecordMax> memory{};
  for (;;) {
    const Event event = stream.next(memory);
    send_all(fd, stream.output());
    stream.output_buffer().clear();
    if (event.kind == Event::Kind::kOpened) return;
    need(event.kind == Event::Kind::kNeedInput, "handshake");
    stream.feed(receive(fd, input));
  }
}

// The other side of this connection has got, or sent, a batch.
void tell(int control) { need(write(control, "b", 1) == 1, "write"); }
bool is_told(int control) {
  char byte = 0;
  return read(control, &byte, 1) == 1;
}

struct Load {
  Direction direction;
  std::string message;
  size_t messages;  // of a batch
};

// ---- the peer, a client

void take_batch(int fd, Stream* stream, const Load& load) {
  static std::array<char, 4 * kReceived> input;
  static std::array<char, kRecordMax> memory;
  size_t at = 0;
  const auto check = [&](std::string_view bytes) {
    for (; !bytes.empty();) {
      const auto piece = bytes.substr(0, load.message.size() - at % load.message.size());
      need(std::string_view(load.message).substr(at % load.message.size()).starts_with(piece),
           "what was sent is not what came");
      at += piece.size();
      bytes.remove_prefix(piece.size());
    }
  };
  while (at < load.message.size() * load.messages) {
    const auto got = receive(fd, input);
    if (stream == nullptr) {
      check({got.data(), got.size()});
      continue;
    }
    stream->feed(got);
    for (Event event; (event = stream->next(memory)).kind != Event::Kind::kNeedInput;) {
      need(event.kind == Event::Kind::kPlaintext, "a record");
      check({memory.data(), event.octets});
    }
  }
}

void give_batch(int fd, Stream* stream, const Load& load) {
  for (size_t i = 0; i < load.messages; ++i) {
    if (stream == nullptr) {
      send_all(fd, load.message);
      continue;
    }
    need(stream->write(load.message), "write");
    send_all(fd, stream->output());
    stream->output_buffer().clear();
  }
  for (int waits = 1; waits > 0;) need(ioctl(fd, SIOCOUTQ, &waits) == 0, "SIOCOUTQ");
}

[[noreturn]] void serve_as_peer(int fd, int control, Way way, const Load& load) {
  stay_on(1);
  std::unique_ptr<Stream> stream;
  if (way != Way::kPlain) {
    stream = std::make_unique<Stream>(
        ClientContext::load({.verify = false, .authorities = {}}).context, kHost);
    shake_hands(fd, *stream);
  }
  while (is_told(control)) {
    load.direction == Direction::kSend ? take_batch(fd, stream.get(), load)
                                       : give_batch(fd, stream.get(), load);
    tell(control);
  }
  _exit(0);
}

// ---- the side that is measured, a server

class Measured {
 public:
  Measured(Way way, const Load& load, std::shared_ptr<const ServerContext> context)
      : way_(way), load_(load) {
    connect_peer();
    if (way == Way::kPlain) return;
    stream_ = std::make_unique<Stream>(std::move(context));
    shake_hands(fd_, *stream_);
    if (way == Way::kKernel) usable_ = give_keys(fd_);
  }
  ~Measured() {
    close(control_);  // ends the peer
    close(fd_);
  }
  Measured(const Measured&) = delete;
  Measured& operator=(const Measured&) = delete;

  [[nodiscard]] bool usable() const { return usable_; }

  // CPU us of a message.
  double run(size_t batches, bool check) {
    double spent = 0;
    for (size_t i = 0; i < batches; ++i) {
      const bool receives = load_.direction == Direction::kReceive;
      if (receives) ask_peer();
      const double begin = cpu_us();
      for (size_t m = 0; m < load_.messages; ++m) receives ? receive_message() : send_message();
      spent += cpu_us() - begin;
      if (!receives) ask_peer();
      need(!receives || !check || came_ == load_.message, "what was sent is not what came");
    }
    return spent / static_cast<double>(batches * load_.messages);
  }

 private:
  void connect_peer() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer);
    setsockopt(listener, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const where = reinterpret_cast<sockaddr*>(&address);
    need(bind(listener, where, size) == 0 && listen(listener, 1) == 0, "listen");
    getsockname(listener, where, &size);
    int pair[2] = {};
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    if (fork() == 0) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      set_up(fd);
      need(connect(fd, where, size) == 0, "connect");
      for (int other = 3; other < 64; ++other) {
        if (other != fd && other != pair[1]) close(other);  // those of other connections, too
      }
      serve_as_peer(fd, pair[1], way_, load_);
    }
    close(pair[1]);
    control_ = pair[0];
    fd_ = accept(listener, nullptr, nullptr);
    need(fd_ >= 0, "accept");
    close(listener);
    set_up(fd_);
  }

  static void set_up(int fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer);
  }

  void ask_peer() const {
    tell(control_);
    need(is_told(control_), "the peer");
  }

  void send_message() {
    std::string_view left = load_.message;
    while (!left.empty()) {
      std::array<iovec, kPieces> vectors{};
      size_t used = 0;
      size_t octets = 0;
      for (; used < kPieces && !left.empty(); ++used) {
        const auto piece = left.substr(0, kPiece);
        vectors[used] = {const_cast<char*>(piece.data()), piece.size()};
        octets += piece.size();
        left.remove_prefix(piece.size());
      }
      if (way_ == Way::kUser) {
        send_encrypted({vectors.data(), used});
        continue;
      }
      msghdr header{};
      header.msg_iov = vectors.data();
      header.msg_iovlen = used;
      need(sendmsg(fd_, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(octets), "sendmsg");
    }
  }

  // As relay/hop_tls.cpp.
  void send_encrypted(std::span<const iovec> vectors) {
    to_encrypt_.clear();
    for (const iovec& vector : vectors)
      to_encrypt_.append(static_cast<const char*>(vector.iov_base), vector.iov_len);
    need(stream_->write(to_encrypt_), "write");
    if (ciphertext_.capacity() > kKept) ciphertext_ = {};
    ciphertext_.clear();
    std::swap(ciphertext_, stream_->output_buffer());
    send_all(fd_, ciphertext_);
  }

  void receive_message() {
    const size_t size = load_.message.size();
    came_.resize(size);
    if (way_ == Way::kUser) return receive_encrypted();
    for (size_t at = 0; at < size;) {
      at += receive(fd_, std::span(came_).subspan(at, std::min(size - at, kReceived))).size();
    }
  }

  // As front/session_tls.cpp. Plaintext lands where the front's parser would read it; to copy it on
  // is in the clear's figure no more than here.
  void receive_encrypted() {
    static std::array<char, kReceived> input;
    const size_t size = load_.message.size();
    size_t wire = size + (size + kRecordMax - 1) / kRecordMax * kRecordOverhead;
    size_t at = 0;
    while (wire > 0) {
      const auto got = receive(fd_, std::span(input).first(std::min(wire, kReceived)));
      wire -= got.size();
      stream_->feed(got);
      while (at < size) {
        const auto room = std::span(came_).subspan(at, std::min(size - at, kRecordMax));
        const Event event = stream_->next(room);
        if (event.kind == Event::Kind::kNeedInput) break;
        need(event.kind == Event::Kind::kPlaintext, "a record");
        at += event.octets;
      }
    }
    need(at == size && stream_->needs_input(), "records of a message");
  }

  Way way_;
  const Load& load_;
  std::unique_ptr<Stream> stream_;
  std::string to_encrypt_;
  std::string ciphertext_;
  std::string came_;
  int fd_ = -1;
  int control_ = -1;
  bool usable_ = true;
};

// ---- figures

std::shared_ptr<const ServerContext> server_context(const char* suite) {
  test::Files files;
  const test::Issued& issued = test::issued_for(std::string("DNS:") + kHost);
  const auto loaded = ServerContext::load(
      {.certificates = {{files.write("c.pem", issued.pem + issued.key_pem), ""}},
       .client_authorities = {}},
      std::make_shared<TicketKeys>(relais::Instant{1}), test::now());
  SSL_CTX* context = loaded.context->context_for(kHost);
  SSL_CTX_set_ciphersuites(context, suite);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_keylog_callback(context, on_key_log);
  return loaded.context;
}

// CPU us of a message's records, one by one, without records, sockets or OpenSSL's TLS.
class Cipher {
 public:
  Cipher(const char* suite, const Load& load)
      : load_(load), context_(EVP_CIPHER_CTX_new()), into_(kRecordMax, '\0') {
    const bool is_128 = std::string_view(suite).contains("_128_");
    need(EVP_CipherInit_ex(context_, is_128 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), nullptr,
                           kZeros, kZeros, load.direction == Direction::kSend) == 1,
         "a cipher");
  }
  ~Cipher() { EVP_CIPHER_CTX_free(context_); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;

  double run(size_t messages) {
    const double begin = cpu_us();
    for (size_t i = 0; i < messages; ++i) {
      for (std::string_view left = load_.message; !left.empty();) {
        const auto record = left.substr(0, kRecordMax);
        encrypt(record);
        left.remove_prefix(record.size());
      }
    }
    return (cpu_us() - begin) / static_cast<double>(messages);
  }

 private:
  // Or decrypts. The tag of what is decrypted is computed and compared with none.
  void encrypt(std::string_view record) {
    int octets = 0;
    EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, kZeros, -1);
    EVP_CipherUpdate(context_, nullptr, &octets, kZeros, 5);  // the record's heading
    EVP_CipherUpdate(context_, reinterpret_cast<unsigned char*>(into_.data()), &octets,
                     reinterpret_cast<const unsigned char*>(record.data()),
                     static_cast<int>(record.size()));
    EVP_CipherFinal_ex(context_, reinterpret_cast<unsigned char*>(into_.data()), &octets);
  }

  static constexpr unsigned char kZeros[32] = {};
  const Load& load_;
  EVP_CIPHER_CTX* context_;
  std::string into_;
};

// In turns: one round of each way and of the cipher, and again.
void compare(const Load& load, const char* suite, size_t rounds, size_t octets_of_round) {
  const auto context = server_context(suite);
  std::vector<std::unique_ptr<Measured>> measured;
  for (const Way way : kWays) measured.push_back(std::make_unique<Measured>(way, load, context));
  Cipher cipher(suite, load);
  const size_t octets = load.message.size() * load.messages;
  const size_t batches = std::max<size_t>(1, octets_of_round / octets);
  std::array<std::vector<double>, std::size(kWays) + 1> found;  // the last one is the cipher's
  for (size_t round = 0; round <= rounds; ++round) {
    for (size_t w = 0; w < found.size(); ++w) {
      if (w < std::size(kWays) && !measured[w]->usable()) continue;
      const double us = w == std::size(kWays) ? cipher.run(batches * load.messages)
                                              : measured[w]->run(batches, round == 0);
      if (round > 0) found[w].push_back(us);  // the first one warms up
    }
  }
  std::printf("%-7s %s %7zu", load.direction == Direction::kSend ? "send" : "receive",
              std::string_view(suite).contains("_128_") ? "AES-128" : "AES-256",
              load.message.size());
  for (auto& values : found) {
    std::sort(values.begin(), values.end());
    if (values.empty()) {
      std::printf("  %-26s", "-");
    } else {
      std::printf("  %8.2f (%.2f to %.2f)", values[values.size() / 2], values.front(),
                  values.back());
    }
  }
  std::printf("\n");
  std::fflush(stdout);
}

size_t number(const char* text) { return std::max(1UL, std::strtoul(text, nullptr, 10)); }

}  // namespace

int main(int argc, char** argv) {
  const size_t rounds = argc > 1 ? number(argv[1]) : 9;
  const size_t octets_of_round = argc > 2 ? number(argv[2]) : size_t{32} << 20;
  stay_on(0);
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  if (setsockopt(probe, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer) != 0) {
    std::fprintf(stderr, "kernel_tls: run it as root: it needs large socket buffers\n");
    return 77;  // as ctest knows it: skipped
  }
  close(probe);
  std::printf("%s; CPU us of a message, median (lowest to highest)\n",
              OpenSSL_version(OPENSSL_VERSION));
  std::printf("%-7s %-7s %7s  in the clear; OpenSSL; kernel TLS; the cipher alone\n", "", "",
              "octets");
  for (const char* suite : {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"}) {
    for (const Direction direction : {Direction::kSend, Direction::kReceive}) {
      for (const size_t size :
           {size_t{300}, size_t{10} << 10, size_t{100} << 10, size_t{1} << 20}) {
        Load load{.direction = direction,
                  .message = std::string(size, '\0'),
                  .messages = std::clamp<size_t>(kBatch / size, 1, kBatchMessages)};
        for (size_t i = 0; i < size; ++i) load.message[i] = static_cast<char>(i * 7 + i / 251);
        // Small messages cost by the message, not by the octet.
        compare(load, suite, rounds, std::min(size * 2000, octets_of_round));
      }
    }
  }
  return 0;
}
