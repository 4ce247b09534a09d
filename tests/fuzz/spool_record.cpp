// The log on disk: envelopes, journals and records, and a folder of segments that is damaged.
// What is read is written again as the same; any flipped bit of a record is noticed; what recovery
// finds in a damaged folder lies there whole, and is a message that was committed.
#include <cstring>
#include <map>
#include <set>

#include "fuzz/fuzzer.h"
#include "ring/loop.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_world.h"
#include "spool/envelope.h"
#include "spool/journal.h"
#include "spool/record.h"
#include "spool/recovery.h"
#include "spool/spool.h"

namespace relais::fuzz {
namespace {

using namespace relais::simulation;
using namespace relais::spool;

constexpr uint64_t kSegmentOctets = 1 << 20;
constexpr size_t kImageSectors = 24;  // of each file; the good log has no more
const std::string kFolder = "/spool";

// ---- codecs

std::string written(const Envelope& envelope) {
  std::string bytes;
  Envelope copy = envelope;
  std::string sender(envelope.sender);
  // The canary: octets of a sender have seven bits.
  if (kCanary)
    for (char& c : sender) c = static_cast<char>(c & 0x7f);
  copy.sender = sender;
  append_envelope(bytes, copy);
  return bytes;
}

void try_envelope(std::string_view bytes) {
  const Exactly memory(bytes);
  const auto front = read_front(memory.view());
  const auto envelope = read_envelope(memory.view());
  if (!envelope || envelope->recipients.empty()) return;  // of nobody is never written
  must(front && front->received == envelope->received && front->connector == envelope->connector &&
           front->client == envelope->client,
       "an envelope begins with its front", bytes);
  must(envelope->dsn.empty() || envelope->dsn.size() == envelope->recipients.size(),
       "what recipients ask for stands beside them", bytes);
  const std::string once = written(*envelope);
  const auto again = read_envelope(once);
  must(again.has_value(), "an envelope written out is one", once);
  must_equal(written(*again), once, "an envelope written out reads as the same");
  must(again->guid == envelope->guid && again->eight_bit == envelope->eight_bit &&
           again->binary == envelope->binary && again->utf8 == envelope->utf8 &&
           again->sender == envelope->sender && again->recipients == envelope->recipients &&
           again->ret == envelope->ret && again->envid == envelope->envid,
       "an envelope written out says the same", bytes);
  must(flow_of(envelope->connector, envelope->client) == flow_of(again->connector, again->client),
       "its flow is the same");
}

// From lines: connector, client, sender, recipients.
void try_fields(std::string_view text) {
  std::vector<std::string_view> lines;
  while (lines.size() < 20 && !text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (lines.size() < 4) return;
  const Envelope envelope{.guid = {1, 2},
                          .received = {3},
                          .connector = lines[0],
                          .client = lines[1],
                          .sender = lines[2],
                          .recipients = {lines.begin() + 3, lines.end()}};
  const std::string bytes = written(envelope);
  const auto read = read_envelope(bytes);
  must(read && read->connector == lines[0] && read->client == lines[1] &&
           read->sender == lines[2] && read->recipients == envelope.recipients,
       "an envelope says what was put into it", bytes);
  try_envelope(bytes);
}

void try_journal(std::string_view bytes) {
  const Exactly memory(bytes);
  std::string again;
  if (!read_entries(memory.view(), [&](JournalEntry&& entry) { append_entry(again, entry); }))
    return;
  must_equal(again, bytes, "a journal written out is the same");
}

void try_record(std::string_view payload, Input& input) {
  payload = payload.substr(0, kPayloadMax);
  RecordHeader header{.epoch = input.byte(),
                      .sequence = input.byte(),
                      .tail_epoch = input.byte(),
                      .message = input.byte(),
                      .chunk = input.byte(),
                      .payload_octets = static_cast<uint32_t>(payload.size()),
                      .kind = static_cast<RecordKind>(1 + input.byte() % 3),
                      .flags = static_cast<uint8_t>(input.byte() % 2),
                      .envelope_octets = input.byte(),
                      .content_octets = input.byte()};
  std::vector<std::byte> block(disk_octets(header.payload_octets), std::byte{0x5a});
  std::memcpy(block.data() + kHeaderOctets, payload.data(), payload.size());
  seal_record(header, block);
  const auto read = read_record(block);
  must(read && read->epoch == header.epoch && read->sequence == header.sequence &&
           read->payload_octets == header.payload_octets && read->kind == header.kind &&
           read->chunk == header.chunk && read->content_octets == header.content_octets,
       "a record is read as it was sealed", payload);
  const size_t at = input.below(kHeaderOctets + payload.size());
  block[at] ^= static_cast<std::byte>(1U << input.byte() % 8);
  must(!read_record(block), "a flipped bit is noticed", payload);
  // Foreign octets are none either.
  const Exactly memory(payload);
  must(!read_record(std::as_bytes(std::span(memory.view()))), "other octets are no record",
       payload);
}

// ---- a folder

struct Image {
  std::map<std::string, std::string> files;  // the front of each segment
  std::map<uint64_t, std::string> messages;  // by number: the stream, envelope and content
};

// The stream of a message as its chunks lie in the files; empty: one of them does not.
std::string stream_of(const RecoveredMessage& message, const Recovered& found,
                      const std::map<std::string, std::string>& files) {
  std::string stream;
  for (size_t i = 0; i < message.chunks.size(); ++i) {
    const Chunk& chunk = message.chunks[i];
    must(chunk.segment < found.segments.size(), "each chunk is in a segment");
    const std::string& file = files.at(found.segments[chunk.segment].name);
    const size_t at = size_t{chunk.page} * kAlignment;
    must(at < file.size(), "each chunk lies in its file");
    const auto header = read_record(std::as_bytes(std::span(file).subspan(at)));
    must(header && header->kind == RecordKind::kChunk && header->message == message.number &&
             header->chunk == i,
         "where a chunk is said to be, it is");
    stream += file.substr(at + kHeaderOctets, header->payload_octets);
  }
  return stream;
}

class Rig {
 public:
  explicit Rig(SimWorld& world) : kernel_(world) {
    loop_ = std::move(*ring::Loop::create(kernel_));
    auto spool = Spool::open(*loop_, {.folder = kFolder,
                                      .segment_octets = kSegmentOctets,
                                      .octets_max = 4 * kSegmentOctets,
                                      .memory_octets = 32 * kBlockOctets});
    if (spool) spool_ = std::move(*spool);
  }
  [[nodiscard]] bool opened() const { return spool_ != nullptr; }
  Spool& spool() { return *spool_; }

  Handle keep(uint64_t number, size_t octets, std::vector<std::string_view> recipients) {
    const Envelope envelope{.guid = {1, number},
                            .received = loop_->wall_now(),
                            .connector = "c",
                            .client = "192.0.2.1:1025",
                            .sender = "a@b",
                            .recipients = std::move(recipients)};
    const Handle message = spool_->begin(envelope, {});
    const std::string content(octets, static_cast<char>('a' + number % 26));
    must(spool_->append(message, content) == octets, "there is memory");
    spool_->commit(message);
    rest();
    return message;
  }
  void rest() {
    spool_->hurry();
    for (int turns = 0; turns < 5000 && !spool_->at_rest(); ++turns) turn();
    Event event;
    while (spool_->next_event(event)) {
    }
  }
  void turn() {
    spool_->end_of_turn();
    ring::TimerId tick = loop_->arm_timer(loop_->now() + milliseconds(5), {});
    for (const ring::Completion& completion : loop_->turn())
      if (completion.token.operation != ring::Operation::kNone) spool_->on_completion(completion);
    loop_->cancel_timer(tick);
  }

 private:
  SimKernel kernel_;
  std::unique_ptr<ring::Loop> loop_;
  std::unique_ptr<Spool> spool_;
};

std::map<std::string, std::string> segments_of(SimWorld& world) {
  std::map<std::string, std::string> files;
  for (const std::string& name : world.disk().list(kFolder)) {
    if (!name.starts_with("segment-")) continue;
    std::string bytes = *world.disk().read_file(kFolder + '/' + name);
    bytes.resize(std::min(bytes.size(), kImageSectors * kAlignment));
    files[name] = std::move(bytes);
  }
  return files;
}

Result<Recovered> recovered(SimWorld& world) {
  SimKernel kernel(world);
  Connectors connectors;
  return recover(kernel, kFolder, kSegmentOctets, connectors);
}

// A log with messages of one and of several chunks, some of them gone or half settled, in two
// segments.
const Image& image() {
  static const Image kImage = [] {
    Image made;
    SimWorld world(1);
    for (int life = 0; life < 2; ++life) {
      Rig rig(world);
      const Handle gone = rig.keep(1, 10, {"x@y"});
      const Handle half = rig.keep(2, 5000, {"x@y", "z@y"});
      rig.keep(3, 20'000, {"x@y"});
      const uint32_t first = 0;
      rig.spool().settle(gone, {&first, 1});
      rig.spool().settle(half, {&first, 1});
      rig.rest();
    }
    made.files = segments_of(world);
    const auto found = recovered(world);
    must(found && found->messages.size() >= 4, "the good log is read");
    for (const RecoveredMessage& message : found->messages)
      made.messages[message.number] = stream_of(message, *found, made.files);
    return made;
  }();
  return kImage;
}

// Each five octets of the text do something to a sector.
std::map<std::string, std::string> damaged(std::string_view text, bool& sealed_again) {
  std::map<std::string, std::string> files = image().files;
  for (; text.size() >= 5; text.remove_prefix(5)) {
    const auto number = [&](size_t i) { return size_t{static_cast<uint8_t>(text[i])}; };
    std::string& file =
        std::next(files.begin(), static_cast<ptrdiff_t>(number(0) % files.size()))->second;
    const size_t sectors = file.size() / kAlignment;
    if (sectors == 0) continue;
    const size_t at = number(1) % sectors * kAlignment;
    const size_t other = number(2) % sectors * kAlignment;
    const size_t octet = at + (number(2) << 8 | number(3)) % kAlignment;
    switch (number(4) % 6) {
      case 0:
        file[octet] = static_cast<char>(file[octet] ^ text[4]);
        break;
      case 1:
        std::fill_n(file.begin() + static_cast<ptrdiff_t>(at), kAlignment, '\0');
        break;
      case 2:
        file.replace(other, kAlignment, file, at, kAlignment);
        break;
      case 3:
        file.resize(std::max<size_t>(at, kAlignment));
        break;
      case 4:
        std::swap_ranges(file.begin() + static_cast<ptrdiff_t>(at), file.end(),
                         files.begin()->second.begin());
        break;
      default: {
        // What no disk does: a header that says something else, with a checksum that fits.
        const auto header = read_record(std::as_bytes(std::span(file).subspan(at)));
        if (!header) break;
        RecordHeader changed = *header;
        const size_t value = number(3);
        switch (number(2) % 8) {
          case 0:
            changed.epoch = value;
            break;
          case 1:
            changed.sequence = value;
            break;
          case 2:
            changed.tail_epoch = value;
            break;
          case 3:
            changed.message = value;
            break;
          case 4:
            changed.chunk = static_cast<uint32_t>(value);
            break;
          case 5:
            changed.envelope_octets = static_cast<uint32_t>(value);
            break;
          case 6:
            changed.content_octets = value;
            break;
          default:
            changed.flags = static_cast<uint8_t>(value % 2);
            break;
        }
        if (at + disk_octets(changed.payload_octets) > file.size()) break;
        seal_record(changed, std::as_writable_bytes(std::span(file).subspan(at)));
        sealed_again = true;
      }
    }
  }
  return files;
}

void try_folder(std::string_view text, bool opens) {
  bool sealed_again = false;
  const std::map<std::string, std::string> files = damaged(text, sealed_again);
  SimWorld world(1);
  for (const auto& [name, bytes] : files) world.disk().write_file(kFolder + '/' + name, bytes);
  const auto found = recovered(world);
  must(found.has_value(), "a damaged folder is read");
  uint64_t last = 0;
  for (const RecoveredMessage& message : found->messages) {
    must(message.number > last || last == 0, "messages come in order, each once");
    last = message.number;
    must(message.number < found->next_message, "no number comes twice");
    must(std::ranges::is_sorted(message.state.settled), "settled recipients are in order");
    const std::string stream = stream_of(message, *found, files);
    if (sealed_again) continue;
    const auto original = image().messages.find(message.number);
    must(original == image().messages.end() || original->second == stream,
         "what is recovered is what was committed");
  }
  must(found->report.messages == found->messages.size(), "the report counts them");

  if (!opens) return;
  Rig rig(world);
  if (!rig.opened()) return;
  rig.spool().invariants();
  for (const Handle handle : rig.spool().take_recovered()) {
    const Message* message = rig.spool().find(handle);
    for (uint32_t i = 0; i < message->chunk_count(); ++i) {
      if (!rig.spool().load(handle, i, {})) rig.turn();
      message = rig.spool().find(handle);
      must(message != nullptr, "a message stays");
    }
  }
  rig.rest();
  rig.spool().invariants();
}

}  // namespace

Material material() {
  using namespace std::string_literals;
  Material all{{}, {"\1\0"s, "\0\0"s, "\0\3a@b"s, "RLR1", "\xff\xff", "rfc822;", "QQ+2B1"}};
  const auto envelope = [&](const Envelope& from) {
    std::string bytes;
    append_envelope(bytes, from);
    all.seeds.push_back(seed(bytes, {0}));
  };
  Envelope plain{.guid = {1, 2},
                 .received = {123},
                 .connector = "c",
                 .client = "192.0.2.1:25",
                 .sender = "kate.of.the.second.floor@fabrikam.example",
                 .recipients = {"c@d", "e@f"}};
  envelope(plain);
  plain.eight_bit = true;
  envelope(plain);
  plain.utf8 = true;
  plain.ret = 2;
  plain.envid = "QQ+2B1";
  plain.dsn = {{.notify = 5, .orcpt = "rfc822;x@y"}, {}};
  envelope(plain);
  plain.utf8 = false;
  plain.binary = true;
  envelope(plain);
  for (const char* lines :
       {"In\n192.0.2.1:25\nkate@fabrikam.com\nchris@contoso.com",
        "Anonymous Relay\n[2001:db8::1]:25\nk.of.the.second.floor@b.example\na@b",
        "x\ny\n\"odd local\"@example.com\nc@d\ne@f\ng@h"})
    all.seeds.push_back(seed(lines, {4}));
  std::string journal;
  append_entry(journal, {.kind = JournalEntry::Kind::kGone, .message = 7});
  append_entry(journal, {.kind = JournalEntry::Kind::kDropped,
                         .dropped = {.first = 3, .last = 5, .sequence = 77}});
  append_entry(journal, {.message = 8,
                         .state = {.attempts = 3, .next_attempt = {99}, .settled = {0, 5, 1000}}});
  all.seeds.push_back(seed(journal, {1}));
  all.seeds.push_back(seed("some payload", {2, 1, 2, 1, 3, 0, 1, 1, 9}));
  for (char operation = 0; operation < 6; ++operation)
    for (const char sector : {1, 4})
      all.seeds.push_back(
          seed(std::string{0, sector, 4, 1, operation}, {3, static_cast<uint8_t>(operation % 2)}));
  return all;
}

void try_one(Input& input) {
  switch (input.byte() % 5) {
    case 0:
      return try_envelope(input.text());
    case 1:
      return try_journal(input.text());
    case 2:
      return try_record(input.text(), input);
    case 4:
      return try_fields(input.text());
    default:
      return try_folder(input.text().substr(0, 60), input.byte() % 4 == 1);
  }
}

}  // namespace relais::fuzz
