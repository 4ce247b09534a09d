#include "tls/certificate.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "tls/name_table.h"
#include "tls/pem_file.h"

namespace relais::tls {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
constexpr int kSecurityBitsMin = 112;

// An impossible date counts as the beginning of 1970, which is long ago.
WallTime wall_time(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  // Dates after 2261 do not fit; they are for ever.
  if (parts.tm_year >= 2261 - 1900) return {INT64_MAX};
  return {timegm(&parts) * kSecond};
}

std::string day_of(WallTime time) { return iso8601(time).substr(0, 10); }

// "the certificate", "certificate 2 of the file"
std::string called(size_t index) {
  return index == 0 ? "the certificate"
                    : "certificate " + std::to_string(index + 1) + " of the file";
}

std::vector<std::string> alternative_names(const X509& certificate, int type) {
  std::vector<std::string> names;
  const NamesPtr all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != type) continue;
    const ASN1_IA5STRING* text = name->d.ia5;
    names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<size_t>(ASN1_STRING_length(text)));
  }
  return names;
}

std::string common_name(const X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  const int octets = ASN1_STRING_to_UTF8(&text, value);
  if (octets < 0) return {};
  std::string name(reinterpret_cast<char*>(text), static_cast<size_t>(octets));
  OPENSSL_free(text);
  return name;
}

void check_dates(const X509& certificate, size_t index, WallTime now, FindingsOf& findings) {
  const WallTime begins = wall_time(X509_get0_notBefore(&certificate));
  const WallTime ends = wall_time(X509_get0_notAfter(&certificate));
  if (begins > now) {
    findings.error(Trouble::kNotYetValid, called(index) + " is valid only from " + iso8601(begins),
                   "Check the clock of this machine, or wait");
  }
  if (ends <= now) {
    findings.error(Trouble::kExpired, called(index) + " expired on " + day_of(ends), "Renew it");
  } else if ((ends - now).ns < kNearExpiryDays * kDay) {
    const int64_t days = (ends - now).ns / kDay;
    const std::string left = days == 0   ? "in less than a day"
                             : days == 1 ? "in 1 day"
                                         : "in " + std::to_string(days) + " days";
    findings.warning(Trouble::kNearExpiry,
                     called(index) + " expires " + left + ", on " + day_of(ends), "Renew it");
  }
}

// With other curves a key signs what no client asks for (RFC 8446 4.2.3).
void check_curve(const Identity& identity, FindingsOf& findings) {
  if (EVP_PKEY_is_a(identity.key.get(), "EC") != 1) return;
  std::array<char, 64> name{};
  (void)EVP_PKEY_get_group_name(identity.key.get(), name.data(), name.size(), nullptr);
  const int curve = OBJ_sn2nid(name.data());
  if (curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1) return;
  findings.error(Trouble::kWeak,
                 std::string("the key is on the curve ") + name.data() +
                     ", with which no TLS session can begin",
                 "Have a certificate issued for P-256, or for RSA of 2048 bits");
}

void check_strength(const Identity& identity, FindingsOf& findings) {
  if (EVP_PKEY_get_security_bits(identity.key.get()) >= kSecurityBitsMin) return;
  findings.error(Trouble::kWeak,
                 std::string("the key is too short: ") +
                     EVP_PKEY_get0_type_name(identity.key.get()) + " of " +
                     std::to_string(EVP_PKEY_get_bits(identity.key.get())) + " bits",
                 "Have a certificate issued for P-256, or for RSA of 2048 bits");
}

void check_chain(const Identity& identity, FindingsOf& findings) {
  const X509* below = identity.leaf.get();
  for (size_t i = 0; i < identity.chain.size(); ++i) {
    X509* above = identity.chain[i].get();
    if (X509_check_issued(above, const_cast<X509*>(below)) != X509_V_OK) {
      findings.warning(
          Trouble::kBrokenChain,
          called(i + 1) + " (" + subject_of(*above) + ") did not sign the one before it",
          "Put the server's own certificate first, then the one that signed it, and "
          "so on");
      return;
    }
    below = above;
  }
}

bool check_match(const Identity& identity, const std::string& certificate_file,
                 FindingsOf& findings) {
  if (X509_check_private_key(identity.leaf.get(), identity.key.get()) == 1) return true;
  (void)take_error();
  std::string cure = "Write the path of the key for which the certificate was issued";
  for (size_t i = 0; i < identity.chain.size(); ++i) {
    if (X509_check_private_key(identity.chain[i].get(), identity.key.get()) == 1) {
      cure = "It is the key of " + called(i + 1) + ": put that one first";
    }
  }
  (void)take_error();
  findings.error(Trouble::kKeyMismatch,
                 "the key does not match the certificate in " + certificate_file, std::move(cure));
  return false;
}

void check_mode(const PemFile& file, FindingsOf& findings) {
  if ((file.mode & 06) == 0) return;
  constexpr std::string_view kOctal = "01234567";
  std::string mode = "0";
  for (const int shift : {6, 3, 0}) mode += kOctal[file.mode >> shift & 7];
  const bool readable = (file.mode & 04) != 0;
  findings.error(Trouble::kKeyOpen,
                 (readable ? "the key is open to every user of this machine (mode "
                           : "every user of this machine can change the key (mode ") +
                     mode +
                     (readable ? "), and who has it can pass for this server"
                               : "), and so put another one in its place"),
                 "Run: chmod 0640 " + findings.file() +
                     ", with the group that relais runs in, or 0600 with its user");
}

}  // namespace

std::vector<std::string> dns_names(const X509& certificate) {
  std::vector<std::string> names = alternative_names(certificate, GEN_DNS);
  if (names.empty()) names.push_back(common_name(certificate));
  std::erase_if(names, [](const std::string& name) { return !is_host_name(name); });
  return names;
}

std::vector<std::string> mail_addresses(const X509& certificate) {
  std::vector<std::string> addresses = alternative_names(certificate, GEN_EMAIL);
  std::erase_if(addresses, [](const std::string& address) {
    return !std::ranges::all_of(address, [](char c) { return c > ' ' && c <= '~'; });
  });
  return addresses;
}

std::string subject_of(const X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(&certificate), 0,
                     XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* text = nullptr;
  const long octets = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(std::max(octets, 0L))};
}

WallTime not_after(const X509& certificate) { return wall_time(X509_get0_notAfter(&certificate)); }

std::optional<Identity> load_identity(const std::string& certificate_file,
                                      const std::string& key_file, WallTime now,
                                      std::vector<Finding>& findings) {
  FindingsOf of_certificate(findings, certificate_file);
  FindingsOf of_key(findings, key_file.empty() ? certificate_file : key_file);
  const auto certificate_text = read_pem(of_certificate);
  std::optional<PemFile> other_text;
  if (!key_file.empty()) other_text = read_pem(of_key);
  const auto& key_text = key_file.empty() ? certificate_text : other_text;

  Identity identity;
  if (certificate_text) {
    auto certificates = read_certificates(*certificate_text, of_certificate);
    identity.not_after = {INT64_MAX};
    for (size_t i = 0; i < certificates.size(); ++i) {
      const WallTime ends = wall_time(X509_get0_notAfter(certificates[i].get()));
      identity.not_after = std::min(identity.not_after, ends);
      check_dates(*certificates[i], i, now, of_certificate);
      (i == 0 ? identity.leaf : identity.chain.emplace_back()) = std::move(certificates[i]);
    }
  }
  if (key_text) {
    identity.key = read_key(*key_text, of_key);
    if (identity.key != nullptr) check_mode(*key_text, of_key);
  }
  if (identity.leaf == nullptr || identity.key == nullptr) return std::nullopt;
  if (!check_match(identity, certificate_file, of_key)) return std::nullopt;
  check_strength(identity, of_certificate);
  check_curve(identity, of_certificate);
  check_chain(identity, of_certificate);
  identity.names = dns_names(*identity.leaf);
  for (std::string& name : identity.names) to_lower(name);
  return identity;
}

}  // namespace relais::tls
