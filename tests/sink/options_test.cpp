#include "sink/options.h"

#include <gtest/gtest.h>

namespace relais::sink {
namespace {

std::string problem_of(const Words& words) {
  const auto options = options_of(words);
  return options ? "none" : options.error();
}

TEST(SinkOptionsTest, WithoutWordsItListensOnLoopbackAndOffersWhatItCan) {
  const auto options = options_of({});
  ASSERT_TRUE(options);
  ASSERT_EQ(options->listen.size(), 1U);
  EXPECT_EQ(options->listen[0].to_string(), "127.0.0.1:2526");
  EXPECT_TRUE(options->server.pipelining && options->server.size && options->server.chunking &&
              options->server.eight_bit_mime && options->server.binary_mime &&
              options->server.smtp_utf8 && options->server.dsn &&
              options->server.enhanced_status_codes);
  EXPECT_FALSE(options->server.starttls || options->server.auth || options->server.limits);
}

TEST(SinkOptionsTest, OtherAddressesThanLoopbackMustBeMeant) {
  EXPECT_EQ(problem_of({.listen = {"0.0.0.0:25"}}),
            "--listen 0.0.0.0:25: it takes every mail from everybody, so other addresses than "
            "loopback need --any-address");
  EXPECT_EQ(problem_of({.listen = {"0.0.0.0:25", "[::1]:0", "[::1]:0"}, .any_address = true}),
            "none");
  EXPECT_EQ(problem_of({.listen = {"[::1]:2526", "[::1]:2526"}}),
            "--listen [::1]:2526: given twice");
  EXPECT_EQ(problem_of({.listen = {"localhost:25"}}),
            "--listen localhost:25: write an address and a port, as in 127.0.0.1:2526 or "
            "[::1]:2526");
}

TEST(SinkOptionsTest, ExtensionsAreOfferedAndHiddenByName) {
  const auto options = options_of({.offer = {"auth", "LIMITS"}, .hide = {"chunking", "8BITMIME"}});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->server.auth && options->server.limits);
  EXPECT_FALSE(options->server.chunking || options->server.eight_bit_mime);
  EXPECT_EQ(problem_of({.hide = {"CHUNKS"}}),
            "there is no extension 'CHUNKS'; they are PIPELINING, SIZE, 8BITMIME, CHUNKING, "
            "BINARYMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES, LIMITS, STARTTLS, AUTH");
}

TEST(SinkOptionsTest, OnlyWhatIsOfferedCanBeHidden) {
  for (const char* name : {"LIMITS", "AUTH", "STARTTLS", "limits"}) {
    EXPECT_EQ(problem_of({.hide = {name}}),
              std::string("--hide ") + name + ": it is not offered anyway");
  }
  EXPECT_EQ(problem_of({.hide = {"STARTTLS"}, .tls_certificate = "cert.pem", .tls_at_once = true}),
            "--hide STARTTLS: it is not offered anyway");
  const auto options = options_of({.offer = {"LIMITS"}, .hide = {"LIMITS", "DSN", "DSN"}});
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->server.limits || options->server.dsn);
}

TEST(SinkOptionsTest, TlsNeedsACertificate) {
  EXPECT_EQ(problem_of({.offer = {"STARTTLS"}}), "--offer STARTTLS needs --tls-certificate");
  EXPECT_EQ(problem_of({.tls_key = "key.pem"}), "--tls-key needs --tls-certificate");
  EXPECT_EQ(problem_of({.tls_at_once = true}), "--tls-at-once needs --tls-certificate");
  EXPECT_FALSE(options_of({.tls_certificate = "cert.pem", .tls_at_once = true})->server.starttls);
  EXPECT_TRUE(options_of({.tls_certificate = "cert.pem"})->server.starttls);
  EXPECT_FALSE(options_of({.hide = {"STARTTLS"}, .tls_certificate = "cert.pem"})->server.starttls);
}

TEST(SinkOptionsTest, AMistakeInARuleNamesItsOption) {
  EXPECT_EQ(problem_of({.answer = {"end=451,5%", "rcpt=45,5%"}}),
            "--answer rcpt=45,5%: '45' is no code that refuses, 400 to 599");
  EXPECT_EQ(problem_of({.read_pause = "1"}), "--read-pause 1: no time, as in 50ms, 30s or 5m");
}

TEST(SinkOptionsTest, TimesAreInRange) {
  EXPECT_EQ(problem_of({.refuse_after = "1s"}), "--refuse-after needs --refuse-for");
  EXPECT_EQ(problem_of({.refuse_by = "fire"}), "--refuse-by fire: closed or reset");
  EXPECT_EQ(problem_of({.refuse_by = "reset"}), "--refuse-by needs --refuse-for");
  EXPECT_TRUE(options_of({.refuse_for = "1s", .refuse_by = "reset"})->refuse_by_reset);
  for (const char* tarpit : {"0s", "10ms-20ms", "0ms,5%"}) {
    EXPECT_NE(problem_of({.tarpit = tarpit}).find("is no time, as in 10ms"), std::string::npos);
  }
  EXPECT_EQ(problem_of({.run_for = "-1s"}), "--for -1s: no time, as in 50ms, 30s or 5m");
  EXPECT_EQ(problem_of({.run_for = "0s"}), "--for 0s: no time, as in 50ms, 30s or 5m");
  EXPECT_EQ(problem_of({.run_for = "30"}), "--for 30: no time, as in 50ms, 30s or 5m");
  EXPECT_EQ(options_of({.refuse_after = "500ms", .refuse_for = "2s"})->refuse_after,
            milliseconds(500));
  EXPECT_EQ(options_of({.run_for = "5m"})->run_for, minutes(5));
}

}  // namespace
}  // namespace relais::sink
