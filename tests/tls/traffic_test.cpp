// Streams that are handed over: by the keys that they give, what OpenSSL at the other end makes is
// opened, and what is made is understood; in all kinds of records, and over new keys.
#include "tls/traffic.h"

#include <gtest/gtest.h>

#include "pair.h"
#include "raw_client.h"
#include "simulation/sim_records.h"
#include "tls/record_secrets.h"

namespace relais::tls::test {
namespace {

using simulation::SimRecords;
using enum RecordDirection;

RecordKinds all_kinds() {
  RecordKinds kinds;
  for (const TlsRecordKind kind : kRecordKinds) kinds.add(kind);
  return kinds;
}

std::string name(TlsRecordKind kind) {
  constexpr const char* kCiphers[] = {"Aes128Gcm", "Aes256Gcm", "ChaCha20Poly1305"};
  return std::string(kind.version == TlsVersion::kTls12 ? "Tls12" : "Tls13") +
         kCiphers[static_cast<size_t>(kind.cipher)];
}

std::string bytes(std::string_view hex) {
  std::string out;
  for (; hex.size() >= 2; hex.remove_prefix(2))
    out += static_cast<char>(std::stoi(std::string(hex.substr(0, 2)), nullptr, 16));
  return out;
}

// RFC 8448 3
TEST(RecordSecrets, MakeTheKeysOfTheRfcsExample) {
  const auto key = key_of(bytes("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"),
                          TlsCipher::kAes128Gcm);
  EXPECT_EQ(std::string(key.key.begin(), key.key.begin() + 16),
            bytes("9f02283b6c9c07efc26bb9f2ac92e356"));
  EXPECT_EQ(std::string(key.iv.begin(), key.iv.end()), bytes("cf782b88dd83549aadf1e984"));
}

TEST(RecordWalk, KnowsWhereRecordsEnd) {
  const std::string all = std::string{22, 3, 3, 0, 2, 'a', 'b', 23, 3, 3, 0, 9} + "123456789" +
                          std::string{21, 3, 3, 0, 0};
  RecordWalk walk;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(walk.is_between(), i == 0 || i == 7 || i == 21) << i;
    walk.pass(std::string_view(all).substr(i, 1));
  }
  EXPECT_TRUE(walk.is_between());
  RecordWalk at_once;
  at_once.pass(all);
  EXPECT_TRUE(at_once.is_between());
  EXPECT_EQ(std::string(walk.nonce().begin(), walk.nonce().end()), "12345678");
  EXPECT_EQ(walk.nonce(), at_once.nonce());
}

// A server whose records are somebody else's from hand_over() on, and OpenSSL as its client.
struct Connection {
  explicit Connection(TlsRecordKind kind, RecordKinds kinds = all_kinds())
      : context(make_server({"DNS:relay.contoso.com"}, make_keys(), settings(kinds))) {
    SSL_CTX* own = context->context_for("relay.contoso.com");
    constexpr const char* kNew[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                    "TLS_CHACHA20_POLY1305_SHA256"};
    constexpr const char* kOld[] = {
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
    };
    const auto cipher = static_cast<size_t>(kind.cipher);
    SSL_CTX_set_ciphersuites(own, kNew[cipher]);
    SSL_CTX_set_cipher_list(own, kOld[cipher]);
    client.version(kind.version == TlsVersion::kTls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    stream = std::make_unique<Stream>(context);
    server = std::make_unique<Side>(*stream);
  }
  static ServerSettings settings(RecordKinds kinds) {
    ServerSettings settings;
    settings.kernel_records = kinds;
    return settings;
  }

  void hand_over() {
    ASSERT_TRUE(stream->can_be_handed_over());
    auto handed = stream->hand_over();
    ASSERT_NE(handed.traffic, nullptr);
    traffic = std::move(handed.traffic);
    receives.emplace(handed.receive);
    sends.emplace(handed.send);
  }

  // What the client says next, by records; "?": not to be opened.
  std::string hear() {
    std::string all;
    const std::string words = client.take();
    for (std::string_view left = words; !left.empty();) {
      const auto record = receives->open(left.substr(0, SimRecords::first(left)));
      left.remove_prefix(SimRecords::first(left));
      if (!record) return all + "?";
      if (record->type == RecordType::kData) {
        all += record->content;
        continue;
      }
      switch (traffic->hear(*record)) {
        case Traffic::Meaning::kNewKeys:
          say(Traffic::key_update());
          sends.emplace(traffic->renew(kSend));
          [[fallthrough]];
        case Traffic::Meaning::kNewKey:
          receives.emplace(traffic->renew(kReceive));
          all += "<key>";
          break;
        case Traffic::Meaning::kRenegotiation:
          say(Traffic::no_renegotiation());
          all += "<renegotiation>";
          break;
        case Traffic::Meaning::kEnded:
          all += "<end>";
          break;
        default:
          all += "<other>";
      }
    }
    return all;
  }
  void say(const ControlRecord& record) { client.give(sends->seal(record.type, record.content)); }
  // The client hears it.
  bool says(std::string_view text) {
    client.give(sends->seal(RecordType::kData, text));
    return std::exchange(client.heard(), {}) == text;
  }

  ServerPtr context;
  RawClient client;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Side> server;
  std::unique_ptr<Traffic> traffic;
  std::optional<SimRecords> receives;
  std::optional<SimRecords> sends;
};

class HandedOver : public testing::TestWithParam<TlsRecordKind> {};

TEST_P(HandedOver, GoesOnWhereTheStreamWas) {
  Connection both(GetParam());
  ASSERT_TRUE(both.client.connect(*both.server));
  for (int before = 0; before < 3; ++before) {
    both.client.send("EHLO client\r\n");
    both.client.exchange(*both.server);
    ASSERT_TRUE(both.stream->write("250 relay\r\n"));
    both.client.give(both.server->take());
    EXPECT_EQ(std::exchange(both.client.heard(), {}), "250 relay\r\n");
  }
  both.hand_over();
  for (int after = 0; after < 3; ++after) {
    const std::string text(1 + 20'000 * static_cast<size_t>(after), 'x');
    both.client.send(text);
    EXPECT_EQ(both.hear(), text);
    EXPECT_TRUE(both.says("250 taken\r\n"));
  }
  SSL_shutdown(both.client.ssl());
  EXPECT_EQ(both.hear(), "<end>");
  both.say(Traffic::close_notify());
  EXPECT_EQ(SSL_shutdown(both.client.ssl()), 1);
}

TEST_P(HandedOver, AtOnceBehindTheHandshake) {
  Connection both(GetParam());
  ASSERT_TRUE(both.client.connect(*both.server));
  both.hand_over();
  EXPECT_TRUE(both.says("220 relay\r\n"));
  both.client.send("EHLO client\r\n");
  EXPECT_EQ(both.hear(), "EHLO client\r\n");
}

// A nonce that comes twice under one key gives the key away (RFC 5288 3).
TEST_P(HandedOver, CountsOnFromTheLastNonce) {
  if (!GetParam().has_explicit_nonce()) return;
  Connection both(GetParam());
  ASSERT_TRUE(both.client.connect(*both.server));
  constexpr size_t kHeading = SimRecords::kHeading;
  const auto nonce_of = [](const std::string& record) {
    uint64_t nonce = 0;
    for (size_t i = 0; i < 8; ++i) nonce = nonce << 8 | static_cast<uint8_t>(record[kHeading + i]);
    return nonce;
  };
  ASSERT_TRUE(both.stream->write("250 relay\r\n"));
  const uint64_t last = nonce_of(both.server->take());
  both.hand_over();
  EXPECT_EQ(nonce_of(both.sends->seal(RecordType::kData, "250 ok\r\n")), last + 1);
}

TEST_P(HandedOver, AfterAResumption) {
  Connection first(GetParam());
  ASSERT_TRUE(first.client.connect(*first.server));
  ASSERT_TRUE(first.stream->write("250 relay\r\n"));
  first.client.give(first.server->take());
  (void)first.client.heard();
  Connection second(GetParam());
  second.context = first.context;
  second.stream = std::make_unique<Stream>(first.context);
  second.server = std::make_unique<Side>(*second.stream);
  const auto session = first.client.session();
  second.client.resume(session.get());
  ASSERT_TRUE(second.client.connect(*second.server));
  ASSERT_TRUE(second.stream->resumed());
  second.hand_over();
  second.client.send("EHLO client\r\n");
  EXPECT_EQ(second.hear(), "EHLO client\r\n");
  EXPECT_TRUE(second.says("250 relay\r\n"));
}

TEST_P(HandedOver, NotInTheMiddleOfARecord) {
  Connection both(GetParam());
  ASSERT_TRUE(both.client.connect(*both.server));
  both.client.send("EHLO client\r\n");
  const std::string record = both.client.take();
  for (size_t i = 0; i < record.size(); ++i) {
    EXPECT_EQ(both.stream->can_be_handed_over(), i == 0) << i;
    both.server->hear(record.substr(i, 1));
  }
  EXPECT_EQ(both.server->heard, "EHLO client\r\n");
  both.hand_over();
  both.client.send("NOOP\r\n");
  EXPECT_EQ(both.hear(), "NOOP\r\n");
}

TEST_P(HandedOver, OnlyWhereThisKindIsTaken) {
  for (const TlsRecordKind other : kRecordKinds) {
    RecordKinds kinds;
    kinds.add(other);
    Connection both(GetParam(), kinds);
    ASSERT_TRUE(both.client.connect(*both.server));
    EXPECT_EQ(both.stream->can_be_handed_over(), other == GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(AllKinds, HandedOver, testing::ValuesIn(kRecordKinds),
                         [](const auto& param) { return name(param.param); });

class NewKeys : public testing::TestWithParam<TlsRecordKind> {};

TEST_P(NewKeys, GoOnWithTheNextOnes) {
  Connection both(GetParam());
  ASSERT_TRUE(both.client.connect(*both.server));
  both.hand_over();
  for (const int asked : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED,
                          SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_NOT_REQUESTED}) {
    both.client.send("before ");
    SSL_key_update(both.client.ssl(), asked);
    both.client.send("after");
    EXPECT_EQ(both.hear(), "before <key>after");
    EXPECT_TRUE(both.says("250 ok\r\n"));
  }
}

TEST_P(NewKeys, AreFollowedAlsoBeforeItIsHandedOver) {
  Connection both(GetParam());
  ASSERT_TRUE(both.client.connect(*both.server));
  both.client.send("one ");
  SSL_key_update(both.client.ssl(), SSL_KEY_UPDATE_REQUESTED);
  both.client.send("two ");
  both.client.exchange(*both.server);
  EXPECT_EQ(both.server->heard, "one two ");
  both.hand_over();
  both.client.send("three");
  EXPECT_EQ(both.hear(), "three");
  EXPECT_TRUE(both.says("250 ok\r\n"));
}

// The kernel receives, and OpenSSL sends.
TEST_P(NewKeys, OfAStreamThatOnlySends) {
  Connection both(GetParam());
  ASSERT_TRUE(both.client.connect(*both.server));
  both.hand_over();
  both.stream->renew_send_key();
  ASSERT_TRUE(both.stream->write("250 ok\r\n"));
  both.client.give(both.server->take());
  EXPECT_EQ(std::exchange(both.client.heard(), {}), "250 ok\r\n");
  both.client.send("NOOP\r\n");
  EXPECT_EQ(both.hear(), "NOOP\r\n");
}

INSTANTIATE_TEST_SUITE_P(Tls13, NewKeys,
                         testing::Values(kRecordKinds[3], kRecordKinds[4], kRecordKinds[5]),
                         [](const auto& param) { return name(param.param); });

TEST(Traffic, OfAClientThatRenegotiatesGoesOn) {
  Connection both(kRecordKinds[0]);
  SSL_CTX_clear_options(both.client.context(), SSL_OP_NO_RENEGOTIATION);
  ASSERT_TRUE(both.client.connect(*both.server));
  both.hand_over();
  SSL_renegotiate(both.client.ssl());
  (void)SSL_do_handshake(both.client.ssl());
  EXPECT_EQ(both.hear(), "<renegotiation>");
}

TEST(Traffic, KnowsWhatOtherRecordsMean) {
  using enum Traffic::Meaning;
  const auto hear = [](TlsRecordKind kind, RecordType type, std::string content) {
    return Traffic(kind, "", "", {}).hear({type, std::move(content)});
  };
  constexpr TlsRecordKind kOld = kRecordKinds[0];
  constexpr TlsRecordKind kNew = kRecordKinds[3];
  for (const TlsRecordKind kind : {kOld, kNew}) {
    EXPECT_EQ(hear(kind, RecordType::kAlert, {1, 0}), kEnded);
    EXPECT_EQ(hear(kind, RecordType::kAlert, {2, 20}), kGone);
    EXPECT_EQ(hear(kind, RecordType::kAlert, {1, 90}), kNothing);
    EXPECT_EQ(hear(kind, RecordType::kAlert, {1}), kUnexpected);
    EXPECT_EQ(hear(kind, RecordType::kAlert, {}), kUnexpected);
    EXPECT_EQ(hear(kind, RecordType::kHandshake, {}), kUnexpected);
    EXPECT_EQ(hear(kind, RecordType::kChangeCipherSpec, {1}), kUnexpected);
  }
  EXPECT_EQ(hear(kOld, RecordType::kAlert, {1, 100}), kNothing);
  EXPECT_EQ(hear(kNew, RecordType::kAlert, {1, 100}), kGone);
  EXPECT_EQ(hear(kNew, RecordType::kHandshake, {24, 0, 0, 1, 0}), kNewKey);
  EXPECT_EQ(hear(kNew, RecordType::kHandshake, {24, 0, 0, 1, 1}), kNewKeys);
  EXPECT_EQ(hear(kNew, RecordType::kHandshake, {24, 0, 0, 1, 2}), kUnexpected);
  EXPECT_EQ(hear(kNew, RecordType::kHandshake, {24, 0, 0, 1}), kUnexpected);
  EXPECT_EQ(hear(kNew, RecordType::kHandshake, {24, 0, 0, 1, 0, 24}), kUnexpected);
  EXPECT_EQ(hear(kNew, RecordType::kHandshake, {1, 0, 0, 1, 0}), kUnexpected);
  EXPECT_EQ(hear(kOld, RecordType::kHandshake, {24, 0, 0, 1, 0}), kUnexpected);
}

}  // namespace
}  // namespace relais::tls::test
