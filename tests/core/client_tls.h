// TLS of a simulated client, by OpenSSL itself: another version and cipher for each, new keys now
// and then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/prng.h"
#include "base/tls_record.h"
#include "tls/raw_client.h"

namespace relais::test {

class ClientTls {
 public:
  using Choice = TlsRecordKind;
  explicit ClientTls(Prng& prng);
  explicit ClientTls(Choice choice);

  // Its hello.
  [[nodiscard]] std::string begin();
  // Appends what was said. What it answers is in take(). False: that was no TLS.
  [[nodiscard]] bool hear(std::string_view ciphertext, std::string& plaintext);
  [[nodiscard]] std::string take() { return client_.take(); }
  [[nodiscard]] bool is_open() const { return open_; }
  // Once it is_open(): to be written. With some it comes to new keys first.
  [[nodiscard]] std::string seal(std::string_view plaintext);
  // Its close_notify.
  [[nodiscard]] std::string end();
  // The server has said that nothing more comes.
  [[nodiscard]] bool has_ended();
  // As the relay's log and its Received field have it.
  [[nodiscard]] std::string description();
  // Before what is sealed next; TLS 1.3. `both`: the server's, too.
  void renew_key(bool both);
  // TLS 1.2: renegotiation.
  [[nodiscard]] std::string ask_for_another_handshake();
  // New ones of the server.
  [[nodiscard]] uint32_t keys_heard() const { return keys_heard_; }
  // In OpenSSL's words.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // Over all connections.
  static uint64_t keys_renewed;

 private:
  Prng* prng_ = nullptr;  // null: what a test says
  tls::test::RawClient client_;
  bool open_ = false;
  std::string failure_;
  uint32_t keys_heard_ = 0;
};

}  // namespace relais::test
