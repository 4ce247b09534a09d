// Whether a name and a password belong together: asked by cores, answered from threads of its own,
// because an answer takes a hash of 5 to 100 ms or another process. Two kinds: a password file and
// Dovecot's SASL socket (dovecot_client.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/ip.h"

namespace relais::auth {

enum class Outcome : uint8_t {
  kYes,
  kNo,           // unknown user or wrong password: nobody is told which
  kUnavailable,  // nobody can say now
};

// Moved, never copied; the password is wiped when it goes.
struct Request {
  std::string user;
  std::string password;
  IpAddress client;
  IpAddress local;
  bool in_tls = false;
  std::shared_ptr<std::atomic<bool>> gone;  // true: nobody waits for the answer any more; or null
  // Called once, from any thread. `user`: whose account it is, where that is known by another name
  // than the one that was tried; else empty.
  std::function<void(Outcome, const std::string& user)> answer;

  Request() = default;
  Request(Request&&) = default;
  Request& operator=(Request&&) = default;
  ~Request();
  // Wipes the password first.
  void finish(Outcome outcome, const std::string& account = {});
};

// What an operator should know, in one line: called from any thread.
using Tell = std::function<void(const std::string&)>;

class Authenticator {
 public:
  // Whoever still waits then is answered kUnavailable.
  virtual ~Authenticator() = default;
  // Any thread. False: too many wait, and `answer` will not be called.
  [[nodiscard]] virtual bool submit(Request request) = 0;
};

}  // namespace relais::auth
