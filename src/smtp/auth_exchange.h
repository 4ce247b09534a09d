// The server's side of one AUTH (RFC 4954): PLAIN (RFC 4616) and LOGIN (as Exchange offers it).
// Lines in, challenges out, at the end a name and a password. Judges form only; whether they are
// right is the caller's question.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace relais::smtp {

inline constexpr std::string_view kAuthMechanisms = "PLAIN LOGIN";  // as EHLO names them

// Moved, never copied; the password is wiped when it goes.
struct Credentials {
  std::string user;  // UTF-8 as the client sent it: no control, not empty
  std::string password;
  Credentials() = default;
  Credentials(std::string name, std::string secret)
      : user(std::move(name)), password(std::move(secret)) {}
  Credentials(Credentials&& other) noexcept;
  Credentials& operator=(Credentials&& other) noexcept;
  ~Credentials();
};

class AuthExchange {
 public:
  enum class Mechanism : uint8_t { kPlain, kLogin };
  enum class Step : uint8_t {
    kChallenge,  // 334 with challenge(); the next line is for take()
    kComplete,   // credentials() are there
    kCancelled,  // "*"
    kBadBase64,
    kImpossible,  // complete, and such that nobody can have them; credentials() are empty
  };
  // nullopt: none that we offer.
  [[nodiscard]] static std::optional<Mechanism> mechanism_from(std::string_view name);

  explicit AuthExchange(Mechanism mechanism) : mechanism_(mechanism) {}
  // `initial`: the initial response; "=" is an empty one. nullopt: there was none.
  [[nodiscard]] Step begin(std::optional<std::string_view> initial);
  [[nodiscard]] Step take(std::string_view line);
  // Base64, valid as long as the program runs.
  [[nodiscard]] std::string_view challenge() const;
  [[nodiscard]] Credentials& credentials() { return credentials_; }
  [[nodiscard]] bool impossible() const { return !flaw_.empty(); }
  // Why they are, in words of ours alone; empty: they are not.
  [[nodiscard]] std::string_view flaw() const { return flaw_; }

 private:
  [[nodiscard]] Step take_plain(std::string_view message);
  [[nodiscard]] Step judge();
  [[nodiscard]] Step fail(std::string_view flaw);

  Mechanism mechanism_;
  bool has_user_ = false;  // LOGIN: the next line is the password
  std::string_view flaw_;
  Credentials credentials_;
};

}  // namespace relais::smtp
