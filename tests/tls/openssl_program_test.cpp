// Against the openssl program over a real connection: our server and its client, its server and our
// client.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <thread>

#include "pair.h"

namespace relais::tls::test {
namespace {

constexpr int kPatienceMs = 20'000;

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A socket that listens on a port of the kernel's choice.
int listen_somewhere(uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd, 4), 0);
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

bool readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, kPatienceMs) == 1;
}

void send_all(int fd, const std::string& words) {
  if (words.empty()) return;
  EXPECT_EQ(::write(fd, words.data(), words.size()), static_cast<ssize_t>(words.size()));
}

// Moves bytes between the socket and the stream until `done` or the end of either.
template <class Done>
void serve(int fd, Side& side, Done done) {
  std::array<char, 4096> received{};
  side.hear("");
  for (;;) {
    send_all(fd, side.take());
    if (done()) return;
    if (!readable(fd)) return;
    const ssize_t octets = ::read(fd, received.data(), received.size());
    if (octets <= 0) return;
    side.hear({received.data(), static_cast<size_t>(octets)});
  }
}

// Of the line "ACCEPT 127.0.0.1:34687"; 0: it did not come.
uint16_t announced_port(FILE* pipe) {
  std::array<char, 256> line{};
  unsigned port = 0;
  while (fgets(line.data(), line.size(), pipe) != nullptr) {
    if (std::sscanf(line.data(), "ACCEPT 127.0.0.1:%u", &port) == 1) break;
  }
  return static_cast<uint16_t>(port);
}

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string text;
  std::array<char, 4096> piece{};
  for (size_t octets = 0; (octets = fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
    text.append(piece.data(), octets);
  }
  ::pclose(pipe);
  return text;
}

class OpensslProgram : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(RELAIS_OPENSSL, X_OK) != 0) GTEST_SKIP() << "the openssl program is not there";
  }
  Files files_;
  std::string authorities_ = files_.write("ca.pem", authority().pem);
};

TEST_F(OpensslProgram, AsAClientTrustsOurServerAndTalks) {
  struct Row {
    const char* options;
    const char* protocol;
  };
  for (const Row& row : {Row{"-tls1_2", "TLSv1.2"}, Row{"-tls1_3", "TLSv1.3"},
                         Row{"-tls1_3 -groups P-256", "TLSv1.3"},
                         Row{"-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2"}}) {
    uint16_t port = 0;
    const int listener = listen_somewhere(port);
    Stream stream(make_server());
    Side server(stream);
    std::thread our_server([&] {
      if (!readable(listener)) return;
      const int fd = ::accept(listener, nullptr, nullptr);
      bool greeted = false;
      serve(fd, server, [&] {
        if (stream.state() == Stream::State::kOpen && !greeted) {
          greeted = stream.write("220 relay.contoso.com\r\n");
          send_all(fd, server.take());
        }
        if (server.heard.find("QUIT") == std::string::npos) return false;
        (void)stream.write("221 Bye\r\n");
        stream.close();
        send_all(fd, server.take());
        return true;
      });
      ::close(fd);
    });
    const std::string text =
        output_of("(sleep 0.3; printf 'QUIT\\r\\n'; sleep 0.3) | timeout 20 " RELAIS_OPENSSL
                  " s_client -connect 127.0.0.1:" +
                  std::to_string(port) + " -servername relay.contoso.com -verify_return_error " +
                  "-verify_hostname relay.contoso.com -CAfile " + authorities_ + " -ign_eof " +
                  row.options + " 2>&1");
    our_server.join();
    ::close(listener);
    EXPECT_NE(text.find("220 relay.contoso.com"), std::string::npos) << row.options << "\n" << text;
    EXPECT_NE(text.find("221 Bye"), std::string::npos) << text;
    EXPECT_NE(text.find("Verification: OK"), std::string::npos) << text;
    EXPECT_NE(text.find(row.protocol), std::string::npos) << text;
    EXPECT_NE(text.find("Compression: NONE"), std::string::npos) << text;
    EXPECT_NE(text.find("No ALPN negotiated"), std::string::npos) << text;
    EXPECT_TRUE(server.log.starts_with("opened ")) << stream.failure();
  }
}

TEST_F(OpensslProgram, AsAServerIsTrustedAndAnswersOurClient) {
  const Issued& issued = issued_for("DNS:mx.contoso.com", KeyType::kRsa2048);
  const std::string both = files_.write("server.pem", issued.pem + issued.key_pem);
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    // -rev answers each line backwards.
    const std::string command = "exec timeout 20 " RELAIS_OPENSSL " s_server -rev -naccept 1 " +
                                version + " -accept 127.0.0.1:0 -cert " + both + " 2>&1";
    FILE* their_server = ::popen(command.c_str(), "r");
    ASSERT_NE(their_server, nullptr);
    const uint16_t port = announced_port(their_server);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(port);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    Stream stream(make_client(), "mx.contoso.com");
    Side client(stream);
    bool asked = false;
    serve(fd, client, [&] {
      if (stream.state() == Stream::State::kOpen && !asked) {
        asked = stream.write("OLEH\n");
        send_all(fd, client.take());
      }
      return client.heard.find("HELO") != std::string::npos;
    });
    EXPECT_EQ(client.heard, "HELO\n") << stream.failure();
    stream.close();
    send_all(fd, client.take());
    ::close(fd);
    ::pclose(their_server);
    EXPECT_EQ(stream.version(), version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3");
  }
}

}  // namespace
}  // namespace relais::tls::test
