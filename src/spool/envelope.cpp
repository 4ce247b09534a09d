#include "spool/envelope.h"

#include "base/assert.h"
#include "spool/numbers.h"

namespace relais::spool {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kEightBit = 1;
constexpr uint8_t kBinary = 2;
constexpr uint8_t kUtf8 = 4;
constexpr uint8_t kDsn = 8;
constexpr uint8_t kRequireTls = 16;
constexpr uint8_t kKnown = kEightBit | kBinary | kUtf8 | kDsn | kRequireTls;

uint8_t flags_of(const Envelope& envelope) {
  unsigned flags = 0;
  if (envelope.eight_bit) flags |= kEightBit;
  if (envelope.binary) flags |= kBinary;
  if (envelope.utf8) flags |= kUtf8;
  if (!envelope.dsn.empty()) flags |= kDsn;
  if (envelope.require_tls) flags |= kRequireTls;
  return static_cast<uint8_t>(flags);
}

void put_string(std::string& out, std::string_view text) {
  ASSERT(text.size() <= UINT16_MAX);
  put(out, static_cast<uint16_t>(text.size()));
  out.append(text);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T number() {
    T value{};
    if (!take_number(bytes_, value)) ok_ = false;
    return value;
  }
  std::string_view string() {
    const auto length = number<uint16_t>();
    if (bytes_.size() < length) ok_ = false;
    if (!ok_) return {};
    const std::string_view text = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return text;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] size_t left() const { return bytes_.size(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace

void append_envelope(std::string& out, const Envelope& envelope) {
  put(out, kVersion);
  put(out, flags_of(envelope));
  put(out, envelope.guid.high);
  put(out, envelope.guid.low);
  put(out, envelope.received.ns);
  put_string(out, envelope.connector);
  put_string(out, envelope.client);
  put_string(out, envelope.sender);
  put(out, static_cast<uint32_t>(envelope.recipients.size()));
  for (const std::string_view recipient : envelope.recipients) put_string(out, recipient);
  if (envelope.dsn.empty()) return;
  ASSERT(envelope.dsn.size() == envelope.recipients.size());
  put(out, envelope.ret);
  put_string(out, envelope.envid);
  for (const Envelope::Dsn& dsn : envelope.dsn) {
    put(out, dsn.notify);
    put_string(out, dsn.orcpt);
  }
}

std::optional<Envelope> read_envelope(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.number<uint8_t>() != kVersion) return std::nullopt;
  Envelope envelope;
  const auto flags = reader.number<uint8_t>();
  if ((flags & ~kKnown) != 0) return std::nullopt;
  envelope.eight_bit = (flags & kEightBit) != 0;
  envelope.binary = (flags & kBinary) != 0;
  envelope.utf8 = (flags & kUtf8) != 0;
  envelope.require_tls = (flags & kRequireTls) != 0;
  envelope.guid.high = reader.number<uint64_t>();
  envelope.guid.low = reader.number<uint64_t>();
  envelope.received.ns = reader.number<int64_t>();
  envelope.connector = reader.string();
  envelope.client = reader.string();
  envelope.sender = reader.string();
  const auto count = reader.number<uint32_t>();
  if (!reader.ok() || count > reader.left() / 2) return std::nullopt;
  envelope.recipients.reserve(count);
  for (uint32_t i = 0; i < count; ++i) envelope.recipients.push_back(reader.string());
  if ((flags & kDsn) != 0) {
    envelope.ret = reader.number<uint8_t>();
    envelope.envid = reader.string();
    for (uint32_t i = 0; i < count && reader.ok(); ++i) {
      const auto notify = reader.number<uint8_t>();
      envelope.dsn.push_back({notify, reader.string()});
    }
  }
  if (!reader.ok()) return std::nullopt;
  return envelope;
}

std::optional<EnvelopeFront> read_front(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.number<uint8_t>() != kVersion) return std::nullopt;
  reader.number<uint8_t>();
  reader.number<uint64_t>();
  reader.number<uint64_t>();
  EnvelopeFront front;
  front.received = {reader.number<int64_t>()};
  front.connector = reader.string();
  front.client = reader.string();
  if (!reader.ok()) return std::nullopt;
  return front;
}

// FNV-1a with a final mix. Whoever finds two addresses with one flow has them share what one has.
uint64_t flow_of(std::string_view connector, std::string_view client) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](char c) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  for (const char c : connector) add(c);
  add('\0');
  for (const char c : client.substr(0, client.rfind(':'))) add(c);
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  return hash ^ (hash >> 32);
}

}  // namespace relais::spool
