#include "tls/traffic.h"

#include <utility>

#include "base/assert.h"
#include "base/wipe.h"
#include "tls/record_secrets.h"

namespace relais::tls {
namespace {

// RFC 8446 6, B.2; RFC 5246 7.2
constexpr char kWarning = 1;
constexpr char kFatal = 2;
constexpr char kCloseNotify = 0;
constexpr char kUnexpectedMessage = 10;
constexpr char kBadRecordMac = 20;
constexpr char kUserCanceled = 90;
constexpr char kNoRenegotiation = 100;
constexpr size_t kAlertOctets = 2;

// RFC 8446 4.6.3: type, length 1, and whether ours is asked for.
constexpr std::string_view kKeyUpdateMessage{"\x18\0\0\1", 4};
constexpr char kNotRequested = 0;
constexpr char kRequested = 1;

constexpr char kClientHello = 1;

ControlRecord alert(char level, char description) {
  return {RecordType::kAlert, std::string{level, description}};
}

}  // namespace

Traffic::Traffic(TlsRecordKind kind, std::string_view version, std::string_view cipher,
                 std::array<std::string, 2> secrets)
    : kind_(kind), version_(version), cipher_(cipher), secrets_(std::move(secrets)) {}

Traffic::~Traffic() {
  for (std::string& secret : secrets_) relais::wipe(secret);
}

Traffic::Meaning Traffic::hear(const ControlRecord& record) const {
  const std::string_view content = record.content;
  const bool is_13 = kind_.version == TlsVersion::kTls13;
  if (record.type == RecordType::kAlert && content.size() == kAlertOctets) {
    if (content[1] == kCloseNotify) return Meaning::kEnded;
    // Warnings, of which TLS 1.3 has no other.
    const bool warns = is_13 ? content[1] == kUserCanceled : content[0] == kWarning;
    return warns ? Meaning::kNothing : Meaning::kGone;
  }
  if (record.type != RecordType::kHandshake) return Meaning::kUnexpected;
  if (!is_13)
    return content.starts_with(kClientHello) ? Meaning::kRenegotiation : Meaning::kUnexpected;
  if (content.size() != kKeyUpdateMessage.size() + 1 || !content.starts_with(kKeyUpdateMessage))
    return Meaning::kUnexpected;
  if (content.back() == kNotRequested) return Meaning::kNewKey;
  return content.back() == kRequested ? Meaning::kNewKeys : Meaning::kUnexpected;
}

RecordKey Traffic::renew(RecordDirection direction) {
  ASSERT(kind_.version == TlsVersion::kTls13);
  std::string& secret = secrets_[static_cast<size_t>(direction)];
  std::string old = std::exchange(secret, next_secret(secret));
  relais::wipe(old);
  return key_of(secret, kind_.cipher);
}

ControlRecord Traffic::close_notify() { return alert(kWarning, kCloseNotify); }
ControlRecord Traffic::no_renegotiation() { return alert(kWarning, kNoRenegotiation); }
ControlRecord Traffic::unexpected_message() { return alert(kFatal, kUnexpectedMessage); }
ControlRecord Traffic::bad_record_mac() { return alert(kFatal, kBadRecordMac); }

ControlRecord Traffic::key_update() {
  std::string content(kKeyUpdateMessage);
  content += kNotRequested;
  return {RecordType::kHandshake, std::move(content)};
}

}  // namespace relais::tls
