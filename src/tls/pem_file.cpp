#include "tls/pem_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/result.h"

namespace relais::tls {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::string reason_of(int number) { return std::string(describe(error_from_errno(number))); }

std::nullopt_t unreadable(FindingsOf& findings, std::string why) {
  findings.error(Trouble::kUnreadable, "cannot be read: " + std::move(why),
                 "Write the path of a file that relais may read");
  return std::nullopt;
}

// DER begins with a SEQUENCE whose length takes one to three octets.
bool looks_like_der(std::string_view text) {
  return text.size() > 2 && text[0] == 0x30 && (text[1] & 0x80) != 0 && (text[1] & 0x7f) <= 3;
}

constexpr std::string_view kCertificateHeading = "CERTIFICATE-----";
constexpr std::string_view kKeyHeading = "PRIVATE KEY-----";

void not_pem(const PemFile& file, FindingsOf& findings, std::string_view wanted) {
  const std::string noun(wanted);
  if (looks_like_der(file.text)) {
    const bool key = wanted == "private key";
    findings.error(Trouble::kNotPem, "is DER, not PEM",
                   std::string("Convert it: openssl ") + (key ? "pkey" : "x509") +
                       " -inform der -in " + findings.file() + " -out " + findings.file() + ".pem");
  } else if (file.text.empty()) {
    findings.error(Trouble::kNotPem, "is empty", "Put the " + noun + " there, in PEM");
  } else if (file.has(kCertificateHeading)) {
    findings.error(Trouble::kNotPem, "has a certificate in it, but no " + noun,
                   "Write the path of the file with the " + noun);
  } else if (file.has(kKeyHeading)) {
    findings.error(Trouble::kNotPem, "has a private key in it, but no " + noun,
                   "Write the path of the file with the " + noun);
  } else {
    findings.error(
        Trouble::kNotPem, "is not PEM: there is no BEGIN line of a " + noun,
        "Write the path of a PEM file, the kind that begins with -----BEGIN, with the " + noun);
  }
}

int refuse_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

PemFile::~PemFile() { OPENSSL_cleanse(text.data(), text.size()); }

BioPtr PemFile::open() const {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::optional<PemFile> read_pem(FindingsOf& findings) {
  // Not to wait for somebody who opens the other end of a FIFO.
  const Descriptor fd(::open(findings.file().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return unreadable(findings, reason_of(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return unreadable(findings, reason_of(errno));
  if (!S_ISREG(status.st_mode)) return unreadable(findings, "not a regular file");
  if (status.st_size > static_cast<off_t>(kFileMax)) {
    return unreadable(findings, "larger than " + std::to_string(kFileMax >> 20) + " MiB");
  }
  PemFile file;
  file.mode = status.st_mode & 07777;
  file.text.resize(static_cast<size_t>(status.st_size));
  size_t filled = 0;
  while (filled < file.text.size()) {
    const ssize_t got = ::read(fd.get(), file.text.data() + filled, file.text.size() - filled);
    if (got < 0) return unreadable(findings, reason_of(errno));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  file.text.resize(filled);
  return file;
}

std::vector<X509Ptr> read_certificates(const PemFile& file, FindingsOf& findings) {
  std::vector<X509Ptr> certificates;
  if (!file.has(kCertificateHeading)) {
    not_pem(file, findings, "certificate");
    return certificates;
  }
  const BioPtr bio = file.open();
  while (X509Ptr certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    certificates.push_back(std::move(certificate));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = take_error();
  if (!at_end) {
    findings.error(Trouble::kDamaged,
                   "certificate " + std::to_string(certificates.size() + 1) +
                       " of the file is damaged (" + why + ")",
                   "Get the file again from where the certificate was issued");
    certificates.clear();
  }
  return certificates;
}

KeyPtr read_key(const PemFile& file, FindingsOf& findings) {
  if (!file.has(kKeyHeading)) {
    not_pem(file, findings, "private key");
    return nullptr;
  }
  bool password_asked = false;
  const BioPtr bio = file.open();
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, &password_asked));
  const std::string why = take_error();
  if (key != nullptr) return key;
  if (password_asked || file.has("ENCRYPTED")) {
    findings.error(Trouble::kEncryptedKey, "the key is encrypted, and nobody is there to type",
                   "Take the password off: openssl pkey -in " + findings.file() +
                       " -out NEW, and keep NEW at mode 0600");
  } else {
    findings.error(Trouble::kDamaged, "the key is damaged (" + why + ")",
                   "Restore the file, or make a new key and have its certificate issued");
  }
  return nullptr;
}

}  // namespace relais::tls
