// Peers that say anything: nothing fails an ASSERT, nothing is answered in plaintext, and the end
// does not depend on how the bytes were cut.
#include <gtest/gtest.h>

#include <cstdlib>

#include "pair.h"
#include "raw_client.h"

namespace relais::tls::test {
namespace {

uint64_t first_seed() {
  const char* text = std::getenv("RELAIS_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 0;
}

// Of records, so far as they have headings: alert (21), handshake (22), data (23), change (20).
bool is_tls(std::string_view output) {
  while (!output.empty()) {
    if (output.size() < 5 || output[0] < 20 || output[0] > 23 || output[1] != 3) return false;
    const size_t length = static_cast<uint8_t>(output[3]) * 256U + static_cast<uint8_t>(output[4]);
    if (output.size() < 5 + length) return false;
    output.remove_prefix(5 + length);
  }
  return true;
}

TEST(Garbage, InsteadOfAHelloFailsWithAReason) {
  struct Row {
    std::string_view bytes;
    std::string_view failure;
  };
  using namespace std::string_view_literals;
  for (const Row& row : {Row{"EHLO app17.contoso.com\r\n", "wrong version number"},
                         Row{"GET / HTTP/1.1\r\n\r\n", "http request"},
                         Row{"CONNECT x:25 HTTP/1.1\r\n\r\n", "https proxy request"},
                         Row{"\x16\x03\x01\xff\xff\x01\x00\x00\x00", "packet length too long"},
                         Row{"\x16\x03\x01\x00\x04\x01\x00\x00\x00"sv, "length too short"},
                         Row{"\x17\x03\x03\x00\x01\x00"sv, "unexpected message"},
                         Row{"\x15\x03\x01\x00\x02\x02\x28"sv, "unexpected message"}}) {
    for (const size_t piece : {size_t{1}, size_t{1000}}) {
      Stream stream(make_server());
      Side server(stream);
      Cutter cutter = Cutter::octets(piece);
      server.hear(row.bytes, cutter);
      EXPECT_EQ(server.log, "failed ");
      EXPECT_EQ(stream.failure(), row.failure) << "for " << row.bytes;
      EXPECT_TRUE(is_tls(stream.output()));
      EXPECT_LT(server.take().size(), 100U);
      EXPECT_FALSE(stream.write("500 What?\r\n"));
      stream.close();
      server.hear("QUIT\r\n");
      EXPECT_EQ(stream.output(), "");
      EXPECT_EQ(server.heard, "");
    }
  }
}

TEST(Garbage, BehindTheHelloFails) {
  Stream server_stream(make_server());
  Stream client_stream(make_client(), "relay.contoso.com");
  Side server(server_stream);
  Side client(client_stream);
  client.hear("");
  server.hear(client.take() + "MAIL FROM:<eve@example.com>\r\nRCPT TO:<all@example.com>\r\n");
  EXPECT_EQ(server.log, "failed ");
  EXPECT_EQ(server.heard, "");
}

TEST(Garbage, InAnOpenStreamFailsButGivesWhatWasGoodBefore) {
  Stream server_stream(make_server());
  Stream client_stream(make_client(), "relay.contoso.com");
  Side server(server_stream);
  Side client(client_stream);
  client.hear("");
  talk(client, server);
  ASSERT_TRUE(client_stream.write("NOOP\r\n"));
  ASSERT_TRUE(client_stream.write("RSET\r\n"));
  std::string words = client.take();
  words.back() = static_cast<char>(words.back() ^ 1);
  server.hear(words);
  EXPECT_EQ(server.heard, "NOOP\r\n");
  EXPECT_EQ(server.log, "opened failed ");
  EXPECT_EQ(server_stream.failure(), "decryption failed or bad record mac");
  EXPECT_FALSE(server_stream.write("250 OK\r\n"));
  client.hear(server.take());
  EXPECT_EQ(client.log, "opened failed ");
  EXPECT_EQ(client_stream.failure(), "sslv3 alert bad record mac");
}

TEST(Renegotiation, IsNeverBegun) {
  Stream stream(make_server());
  Side server(stream);
  RawClient client;
  client.version(TLS1_2_VERSION);
  ASSERT_TRUE(client.connect(server));
  SSL_renegotiate(client.ssl());
  EXPECT_LE(SSL_do_handshake(client.ssl()), 0);
  server.hear(client.take());
  const std::string answer = server.take();
  ASSERT_GE(answer.size(), 5U);
  EXPECT_EQ(answer[0], 21);  // an alert, and no flight of a handshake
  EXPECT_LT(answer.size(), 64U);
  client.give(answer);
  EXPECT_LE(SSL_do_handshake(client.ssl()), 0);
  client.exchange(server);
  EXPECT_EQ(server.heard, "");
}

TEST(NewKeys, ForEverFailAPeerThatDoesNotRead) {
  Stream stream(make_server());
  Side server(stream);
  RawClient client;
  ASSERT_TRUE(client.connect(server));
  int updates = 0;
  for (; updates < 20'000 && server.log == "opened "; ++updates) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    (void)SSL_do_handshake(client.ssl());
    server.hear(client.take());
    ASSERT_LE(stream.output().size(), Wire::kUnaskedMax);
  }
  EXPECT_EQ(server.log, "opened failed ");
  EXPECT_EQ(stream.failure(), "the peer makes us answer and does not read");
  EXPECT_GT(updates, 100);
}

TEST(NewKeys, AreTakenFromAPeerThatReads) {
  Stream stream(make_server());
  Side server(stream);
  RawClient client;
  ASSERT_TRUE(client.connect(server));
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    client.send("x");
    client.exchange(server);
    client.give(server.take());
  }
  EXPECT_EQ(server.heard, std::string(5'000, 'x'));
  EXPECT_EQ(server.log, "opened ");
}

TEST(Fuzz, RandomBytesNeverOpen) {
  Prng prng(first_seed());
  const ServerPtr server_context = make_server();
  const ClientPtr client_context = make_client(false);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes(prng.between(1, 600), '\0');
    for (char& c : bytes) c = static_cast<char>(prng.next());
    // Half of them look like a record of a handshake.
    if (round % 2 == 0) bytes.replace(0, std::min<size_t>(bytes.size(), 3), "\x16\x03\x01");
    if (round % 4 == 0 && bytes.size() > 5) bytes[3] = '\0', bytes[5] = '\x01';
    Cutter cutter = Cutter::random(prng.next());
    Stream server_stream(server_context);
    Stream client_stream(client_context, "relay.contoso.com");
    for (Stream* stream : {&server_stream, &client_stream}) {
      Side side(*stream);
      side.hear(bytes, cutter);
      EXPECT_NE(stream->state(), Stream::State::kOpen);
      EXPECT_EQ(side.heard, "");
      EXPECT_TRUE(is_tls(stream->output()));
    }
  }
}

// A whole connection with octets changed, taken out, put in or said twice, on either way.
class Meddler {
 public:
  Meddler(uint64_t seed, int changes) : prng_(seed), left_(changes), patience_(prng_.below(9)) {}

  std::string pass(std::string words) {
    if (words.empty() || left_ == 0 || prng_.one_in(3)) return words;
    if (patience_ > 0) {
      --patience_;
      return words;
    }
    --left_;
    const size_t at = prng_.below(words.size());
    switch (prng_.below(5)) {
      case 0:
        words[at] = static_cast<char>(words[at] ^ (1 << prng_.below(8)));
        break;
      case 1:
        words.erase(at, prng_.between(1, 20));
        break;
      case 2:
        words.insert(at, prng_.between(1, 20), static_cast<char>(prng_.next()));
        break;
      case 3:
        words += words.substr(at);
        break;
      default:
        words.resize(at);
        break;
    }
    return words;
  }

 private:
  Prng prng_;
  int left_;
  uint64_t patience_;  // what passes before the first change
};

TEST(Fuzz, MeddledConnectionsFailOrWaitAndNeverGiveWhatWasNotSaid) {
  const ServerPtr server_context = make_server();
  const ClientPtr client_context = make_client();
  const std::string said(3'000, 'm');
  int opened = 0;
  int failed = 0;
  for (uint64_t seed = first_seed(); seed < first_seed() + 1'500; ++seed) {
    Meddler meddler(seed, 1 + static_cast<int>(seed % 3));
    Cutter cutter = Cutter::random(seed);
    Stream server_stream(server_context);
    Stream client_stream(client_context, "relay.contoso.com");
    Side server(server_stream);
    Side client(client_stream);
    client.hear("");
    for (int turn = 0; turn < 8; ++turn) {
      server.hear(meddler.pass(client.take()), cutter);
      (void)server_stream.write("ok");
      client.hear(meddler.pass(server.take()), cutter);
      if (turn == 2) (void)client_stream.write(said);
      if (turn == 5) client_stream.close();
    }
    EXPECT_TRUE(std::string_view(said).starts_with(server.heard)) << "seed " << seed;
    EXPECT_EQ(client.heard.find_first_not_of("ok"), std::string::npos) << "seed " << seed;
    opened += server.log.starts_with("opened") ? 1 : 0;
    failed += server.log.ends_with("failed ") || client.log.ends_with("failed ") ? 1 : 0;
  }
  // Both ends of what can happen were reached.
  EXPECT_GT(opened, 300);
  EXPECT_GT(failed, 300);
}

}  // namespace
}  // namespace relais::tls::test
