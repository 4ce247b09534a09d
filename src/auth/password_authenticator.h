// Verifies against a password file. The file is looked at before each answer and read again when it
// has changed; one that cannot be used is told once, and the last good one stays.
//
// A hash is slow on purpose, so a password that was right is remembered by a keyed hash of it: the
// second connection of a client costs microseconds. Wrong ones are never remembered. Clients wait
// in turn by address, so one that guesses does not keep others waiting. Limits: kWaitMax requests,
// kWaitOfClientMax of one address.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "auth/authenticator.h"
#include "auth/password_file.h"
#include "base/fair_queue.h"
#include "tls/keyed_hash.h"

namespace relais::auth {

class PasswordAuthenticator final : public Authenticator {
 public:
  static constexpr size_t kWaitMax = 10'000;
  static constexpr size_t kWaitOfClientMax = 100;

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
  void work(const std::stop_token& stop);
  [[nodiscard]] std::shared_ptr<const PasswordFile> current_file();
  [[nodiscard]] Outcome judge(const PasswordFile& file, const Request& request);
  [[nodiscard]] bool is_remembered(const Request& request, const tls::Digest& digest);

  std::string path_;
  Tell tell_;
  tls::KeyedHash hash_;

  std::mutex mutex_;  // of all below
  std::condition_variable_any wakes_;
  FairQueue<Request> waiting_;
  std::shared_ptr<const PasswordFile> file_;
  Stamp stamp_;
  std::unordered_map<std::string, tls::Digest> remembered_;  // by user of file_
  std::vector<std::jthread> threads_;                        // last: they end first
};

}  // namespace relais::auth
