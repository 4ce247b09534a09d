// Verifies against a password file. The file is looked at before each hash and every second, and
// read again when it has changed; one that cannot be used is told once, and the last good one
// stays.
//
// A hash is slow on purpose, so a password that was right is remembered by a keyed hash of it: the
// second connection of a client waits for nobody and costs microseconds. Wrong ones are never
// remembered. Clients wait in turn by address (IPv6: by /64), so one that guesses does not keep
// others waiting; nothing is hashed for those who have gone. Limits: kWaitMax requests,
// kWaitOfClientMax of one client, kPatience.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "auth/authenticator.h"
#include "auth/password_file.h"
#include "base/fair_threads.h"
#include "tls/keyed_hash.h"

namespace relais::auth {

class PasswordAuthenticator final : public Authenticator {
 public:
  static constexpr size_t kWaitMax = 1000;
  static constexpr uint32_t kWaitOfClientMax = 100;
  static constexpr std::chrono::seconds kPatience{20};  // then kUnavailable

  // `file`: what `path` held a moment ago.
  PasswordAuthenticator(std::string path, PasswordFile file, uint32_t threads, Tell tell);
  ~PasswordAuthenticator() override;
  [[nodiscard]] bool submit(Request request) override;

 private:
  // What says that a file is another one than before.
  struct Stamp {
    int64_t changed_ns = 0;
    uint64_t octets = 0;
    uint64_t inode = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  [[nodiscard]] Stamp stamp() const;
  struct Waiting {
    Request request;
    std::chrono::steady_clock::time_point since;
  };
  void serve(Waiting waiting);
  [[nodiscard]] std::shared_ptr<const PasswordFile> current_file();
  [[nodiscard]] Outcome judge(const PasswordFile& file, const Request& request);
  [[nodiscard]] bool is_remembered(const Request& request);

  std::string path_;
  Tell tell_;
  tls::KeyedHash hash_;

  std::mutex mutex_;  // of all below
  std::shared_ptr<const PasswordFile> file_;
  Stamp stamp_;
  std::unordered_map<std::string, tls::Digest> remembered_;  // by user of file_
  FairThreads<Waiting> threads_;                             // last: they end first
};

}  // namespace relais::auth
