#include "auth/password_hash.h"

#include <crypt.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace relais::auth {
namespace {

constexpr std::array<std::string_view, 5> kGood = {"$y$", "$2b$", "$2a$", "$2y$", "$6$"};

struct Kind {
  std::string_view prefix;
  std::string_view name;
};
constexpr std::array<Kind, 3> kWeak = {{{"$1$", "MD5"}, {"$5$", "SHA-256"}, {"$sha1$", "SHA-1"}}};

// Characters behind the last '$': shorter is a line that was cut.
size_t hash_characters(std::string_view prefix) {
  if (prefix == "$y$") return 43;
  return prefix == "$6$" ? 86 : 53;
}

// More than this takes seconds: whoever tries such a user's name would stop all others for as long.
constexpr uint64_t kRoundsMax = 1'000'000;  // SHA-512; 5000 where none are written
constexpr uint64_t kBcryptCostMax = 14;     // 2^14 rounds
constexpr std::string_view kYescryptCosts = "./0123456789AB";  // of N; '9' is the library's own

uint64_t number_at(std::string_view text) {
  uint64_t number = UINT64_MAX;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool is_affordable(std::string_view hash, std::string_view prefix) {
  const std::string_view rest = hash.substr(prefix.size());
  if (prefix == "$6$") {
    constexpr std::string_view kRounds = "rounds=";
    return !rest.starts_with(kRounds) || number_at(rest.substr(kRounds.size())) <= kRoundsMax;
  }
  if (prefix == "$y$") {  // "j9T": flags, N, r
    return rest.starts_with('j') && rest.substr(2).starts_with("T$") &&
           kYescryptCosts.find(rest[1]) != std::string_view::npos;
  }
  return number_at(rest) <= kBcryptCostMax;
}

bool is_whole(std::string_view hash, std::string_view prefix) {
  return hash.size() - hash.rfind('$') - 1 == hash_characters(prefix);
}

}  // namespace

std::string problem_of(std::string_view hash) {
  for (const std::string_view prefix : kGood) {
    if (!hash.starts_with(prefix)) continue;
    if (!is_whole(hash, prefix)) return "a damaged hash";
    return is_affordable(hash, prefix) ? "" : "a hash that takes too long to verify";
  }
  for (const Kind& kind : kWeak) {
    if (hash.starts_with(kind.prefix))
      return "a hash of the kind " + std::string(kind.name) + ", which is too weak";
  }
  return "no hash that is known here ($y$, $2b$ or $6$)";
}

bool verify(const std::string& hash, const std::string& password) {
  if (!problem_of(hash).empty()) return false;
  const auto data = std::make_unique<crypt_data>();  // 32 KiB, and zeroed
  const char* found = crypt_r(password.c_str(), hash.c_str(), data.get());
  const bool same = found != nullptr && hash == found;
  explicit_bzero(data.get(), sizeof *data);
  return same;
}

std::string make_hash(const std::string& password) {
  char* salt = crypt_gensalt_ra("$y$", 0, nullptr, 0);
  if (salt == nullptr) return {};
  const auto data = std::make_unique<crypt_data>();
  const char* made = crypt_r(password.c_str(), salt, data.get());
  std::string hash = made == nullptr || made[0] == '*' ? "" : made;
  std::free(salt);
  explicit_bzero(data.get(), sizeof *data);
  return hash;
}

}  // namespace relais::auth
