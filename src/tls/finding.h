// What is wrong with the files of certificates and keys, one at a time, for `relais check` and for
// the log. Names the file, what was found in it and the cure; never anything of a key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace relais::tls {

enum class Trouble : uint8_t {
  kUnreadable,    // not there, no permission, no file, too large
  kNotPem,        // no PEM, or PEM of something else
  kDamaged,       // PEM whose content is not what its heading says
  kEncryptedKey,  // a key under a password, which nobody could type
  kKeyMismatch,   // the key is not the certificate's
  kKeyOpen,       // to every user of the machine
  kExpired,       // a certificate of the chain
  kNotYetValid,   // the same
  kNearExpiry,    // in less than kNearExpiryDays
  kBrokenChain,   // a certificate did not sign the one before it
  kNameTaken,     // a certificate that no client is ever shown
  kWeak,          // key or signature below OpenSSL's security level 2 (112 bits)
  kNoAuthority,   // among the authorities: nobody's certificate can be verified by it
  kRefused,       // OpenSSL does not take it; `what` has its words
};

inline constexpr int64_t kNearExpiryDays = 14;

struct Finding {
  enum class Severity : uint8_t { kError, kWarning };
  Severity severity = Severity::kError;
  Trouble trouble = Trouble::kUnreadable;
  std::string file;  // as it was given
  std::string what;
  std::string cure;
};

// "FILE: what. Cure"
[[nodiscard]] std::string to_string(const Finding& finding);
[[nodiscard]] bool any_error(const std::vector<Finding>& findings);

// The findings of one file.
class FindingsOf {
 public:
  FindingsOf(std::vector<Finding>& findings, std::string file)
      : findings_(&findings), file_(std::move(file)) {}
  void error(Trouble trouble, std::string what, std::string cure);
  void warning(Trouble trouble, std::string what, std::string cure);
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  std::vector<Finding>* findings_;
  std::string file_;
};

}  // namespace relais::tls
