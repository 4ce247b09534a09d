// The floor: what a message costs at least that is taken over TCP and thrown away, by one thread
// with one io_uring on this machine. It knows nothing of SMTP but what a well-behaved client of a
// load test needs to go on: a reply for each command line, and the end of data. No parsing, policy,
// limits or log, no errors. tools/bench-floor measures `delivery = "discard"` against it.
//
//   bare_responder PORT        listens on 127.0.0.1 until it is killed
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr unsigned kEntries = 4096;
constexpr unsigned kBuffers = 256;  // as many as relais has in use under a load of few sessions
constexpr unsigned kBufferOctets = 16 * 1024;
constexpr int kGroup = 0;
constexpr size_t kConnectionsMax = 4096;

enum Operation : uint64_t { kAccept, kReceive, kSend, kClose };

struct Connection {
  bool in_data = false;
  std::string tail;  // of the content: what may be the beginning of its end
  std::string line;  // of a command that has not come whole
  std::string out;
  bool quit = false;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Responder {
 public:
  explicit Responder(uint16_t port) : connections_(kConnectionsMax) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 4 * kEntries;
    if (io_uring_queue_init_params(kEntries, &ring_, &params) < 0) die("io_uring");
    io_uring_register_ring_fd(&ring_);
    buffers_ =
        static_cast<io_uring_buf_ring*>(std::aligned_alloc(4096, sizeof(io_uring_buf) * kBuffers));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(buffers_);
    registration.ring_entries = kBuffers;
    registration.bgid = kGroup;
    if (io_uring_register_buf_ring(&ring_, &registration, 0) != 0) die("buffers");
    io_uring_buf_ring_init(buffers_);
    memory_ = std::make_unique<char[]>(size_t{kBuffers} * kBufferOctets);
    for (unsigned i = 0; i < kBuffers; ++i) give_back(i);
    listen_on(port);
  }

  void run() {
    accept();
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      io_uring_cqe* cqe = nullptr;
      unsigned head = 0;
      unsigned count = 0;
      io_uring_for_each_cqe(&ring_, head, cqe) {
        on_completion(*cqe);
        ++count;
      }
      io_uring_cq_advance(&ring_, count);
    }
  }

 private:
  void listen_on(uint16_t port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("bind");
    if (listen(listener_, 1024) != 0) die("listen");
  }

  template <class Prepare>
  void submit(Operation operation, int fd, Prepare&& prepare) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    prepare(entry);  // which clears its user data
    io_uring_sqe_set_data64(entry, operation | static_cast<uint64_t>(fd) << 8);
  }

  void accept() {
    submit(kAccept, listener_, [&](io_uring_sqe* entry) {
      io_uring_prep_multishot_accept(entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    });
  }

  void receive(int fd) {
    submit(kReceive, fd, [&](io_uring_sqe* entry) {
      io_uring_prep_recv(entry, fd, nullptr, 0, 0);
      entry->flags |= IOSQE_BUFFER_SELECT;
      entry->buf_group = kGroup;
      entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
    });
  }

  void send(int fd) {
    const std::string& out = connections_[static_cast<size_t>(fd)].out;
    submit(kSend, fd, [&](io_uring_sqe* entry) {
      io_uring_prep_send(entry, fd, out.data(), out.size(), MSG_NOSIGNAL | MSG_WAITALL);
    });
  }

  void give_back(unsigned buffer) {
    io_uring_buf_ring_add(buffers_, memory_.get() + size_t{buffer} * kBufferOctets, kBufferOctets,
                          static_cast<uint16_t>(buffer), io_uring_buf_ring_mask(kBuffers), 0);
    io_uring_buf_ring_advance(buffers_, 1);
  }

  void on_completion(const io_uring_cqe& cqe) {
    const int fd = static_cast<int>(cqe.user_data >> 8);
    switch (static_cast<Operation>(cqe.user_data & 0xff)) {
      case kAccept:
        return on_accept(cqe.res);
      case kReceive:
        return on_receive(fd, cqe);
      case kSend:
        connections_[static_cast<size_t>(fd)].out.clear();
        if (connections_[static_cast<size_t>(fd)].quit) shutdown(fd, SHUT_WR);
        return receive(fd);
      case kClose:
        return;
    }
  }

  void on_accept(int fd) {
    if (fd < 0) die("accept");
    if (static_cast<size_t>(fd) >= kConnectionsMax) die("too many connections");
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connections_[static_cast<size_t>(fd)] = {};
    connections_[static_cast<size_t>(fd)].out = "220 floor\r\n";
    send(fd);
  }

  void on_receive(int fd, const io_uring_cqe& cqe) {
    if (cqe.res <= 0) {
      submit(kClose, fd, [&](io_uring_sqe* entry) { io_uring_prep_close(entry, fd); });
      return;
    }
    const unsigned buffer = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    Connection& connection = connections_[static_cast<size_t>(fd)];
    read(connection,
         {memory_.get() + size_t{buffer} * kBufferOctets, static_cast<size_t>(cqe.res)});
    give_back(buffer);
    connection.out.empty() ? receive(fd) : send(fd);
  }

  static void read(Connection& connection, std::string_view bytes) {
    while (!bytes.empty()) {
      if (connection.in_data) {
        read_content(connection, bytes);
        continue;
      }
      const size_t end = bytes.find('\n');
      connection.line += bytes.substr(0, end);
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      reply(connection);
      connection.line.clear();
    }
  }

  static void read_content(Connection& connection, std::string_view& bytes) {
    constexpr std::string_view kEnd = "\r\n.\r\n";
    // Its end may be cut; where it is whole it is found without a copy.
    std::string& tail = connection.tail;
    if (!tail.empty()) {
      std::string joined = tail + std::string(bytes.substr(0, kEnd.size()));
      const size_t found = joined.find(kEnd);
      if (found != std::string::npos) {
        bytes.remove_prefix(found + kEnd.size() - tail.size());
        return end_content(connection);
      }
    }
    const size_t found = bytes.find(kEnd);
    if (found == std::string_view::npos) {
      tail += bytes.substr(bytes.size() - std::min(bytes.size(), kEnd.size() - 1));
      if (tail.size() >= kEnd.size()) tail.erase(0, tail.size() - (kEnd.size() - 1));
      bytes = {};
      return;
    }
    bytes.remove_prefix(found + kEnd.size());
    end_content(connection);
  }

  static void end_content(Connection& connection) {
    connection.tail.clear();
    connection.in_data = false;
    connection.out += "250 2.6.0 Queued\r\n";
  }

  static void reply(Connection& connection) {
    switch (connection.line.empty() ? '\0' : connection.line.front()) {
      case 'E':
        connection.out += "250-floor\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
        return;
      case 'D':
        connection.out += "354 Start mail input; end with <CRLF>.<CRLF>\r\n";
        connection.in_data = true;
        return;
      case 'Q':
        connection.out += "221 2.0.0 Bye\r\n";
        connection.quit = true;
        return;
      default:
        connection.out += "250 2.1.0 Ok\r\n";
    }
  }

  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  std::unique_ptr<char[]> memory_;
  int listener_ = -1;
  std::vector<Connection> connections_;  // by descriptor
};

}  // namespace

int main(int argc, char** argv) {
  const int port = argc == 2 ? std::atoi(argv[1]) : 0;
  if (port < 1 || port > 65535) {
    std::fprintf(stderr, "usage: bare_responder PORT\n");
    return 2;
  }
  Responder(static_cast<uint16_t>(port)).run();
}
