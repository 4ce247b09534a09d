// A whole core on the simulated kernel, and a client that sends it anything in any pieces.
// It stays up; replies are whole lines, and the same however the octets arrive; and what it has
// said 250 for is in the log after the power was cut, with the content that was sent.
#include "main/core.h"

#include <algorithm>
#include <map>
#include <set>

#include "fuzz/dialogue_seeds.h"
#include "simulation/sim_kernel.h"
#include "simulation/sim_network.h"
#include "simulation/sim_world.h"
#include "spool/envelope.h"

namespace relais::fuzz {
namespace {

using namespace relais::simulation;

const Endpoint kListen{IpAddress::v4(0x7f000001), 25};
const Endpoint kClient{IpAddress::v4(0xc0a8050a), 40'000};
constexpr size_t kTextMax = 1500;
constexpr uint64_t kSegmentOctets = 1 << 20;

config::Model small_model(uint8_t choice) {
  config::Model model;
  model.server.fqdn = "relay.contoso.com";
  model.server.cores = {0};
  model.server.data_dir = "/data";
  model.server.log_file = "/data/log";
  model.server.drain_timeout = seconds(5);
  model.server.max_sessions = 4;
  model.server.receive_buffers = 8 * 16'384;
  model.server.message_memory = 16 * 16'384;
  model.spool.segment_size = kSegmentOctets;
  model.spool.max_size = 8 * kSegmentOctets;
  // Nobody is there: what was taken stays in the log.
  config::SendConnector& out = model.send_connectors.emplace_back();
  out.name = "out";
  out.address_spaces = {{.domain = "*"}};
  out.smart_hosts = {{IpAddress::v4(0x0a000001), 25}};
  policy::ReceiveConnector connector;
  connector.name = "all";
  connector.bindings = {{kListen}};
  connector.remote_ranges = {*policy::AddressRange::parse("0.0.0.0/0")};
  connector.permission_groups.add(policy::PermissionGroup::kAnonymousUsers);
  connector.permissions = {
      {policy::Principal::kAnonymous, policy::mask(policy::Right::kAcceptAnyRecipient), false}};
  if ((choice & 1) != 0) connector.reject_bare_line_ends = false;
  if ((choice & 2) != 0) connector.max_recipients = 2;
  if ((choice & 4) != 0) connector.max_message_size = 65'536;
  if ((choice & 8) != 0) connector.tarpit_interval = Duration{};
  model.receive_connectors = {connector};
  return model;
}

class Client final : public SimPeer {
 public:
  void on_connected() override { connected = true; }
  void on_refused(Error) override { over = true; }
  void on_bytes(std::string_view bytes) override { heard += bytes; }
  void on_closed(bool /*reset*/) override {
    over = true;
    close();
  }

  std::string heard;
  bool connected = false;
  bool over = false;
};

struct Stored {
  std::string sender;
  std::string content;
};

struct Told {
  std::string replies;
  std::vector<std::string> promised;  // GUIDs of messages that were answered 250
  std::map<std::string, Stored> stored;
};

// One run of the program.
class Life {
 public:
  Life(SimWorld& world, const config::Model& model) : kernel_(world), model_(model) {
    neighbours_.cores.push_back(std::make_unique<front::Neighbours::Core>());
    std::string problem;
    must(kernel_.make_directories("/data").has_value(), "there is a disk");
    auto core = Core::create(kernel_, model_, neighbours_, {.index = 0, .guid_salt = world.seed()},
                             problem);
    must(core.has_value(), "a core starts", problem);
    core_ = std::move(*core);
    const auto fd = kernel_.listen(kListen);
    must(fd.has_value(), "it listens");
    core_->apply({std::make_shared<const front::ServingPolicy>(
                      model_.receive_connectors, policy::AcceptedDomains{}, "relay.contoso.com"),
                  {{kListen, *fd}}});
  }
  Core& core() { return *core_; }
  void run(SimWorld& world, Duration duration, const std::function<bool()>& enough) {
    const Instant end = world.now() + duration;
    world.after(duration, [] {});
    while (world.now() < end && !enough()) {
      must(core_->turn(), "the core stays up");
      core_->spool().invariants();
    }
  }

 private:
  SimKernel kernel_;
  const config::Model& model_;
  front::Neighbours neighbours_;
  std::unique_ptr<Core> core_;
};

bool holds(std::string_view text, std::string_view lower) {
  return std::search(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b;
         }) != text.end();
}

// A client must not (RFC 5321 section 4.1.1.10). What comes when the connection is closed is
// answered with a reset, which takes what was not read yet with it.
bool goes_on_behind_quit(std::string_view text) {
  if (!text.empty()) text.remove_suffix(1);
  return holds(text, "quit\r\n") || holds(text, "quit \r\n");
}

// GUIDs and dates differ from run to run, and nothing else may.
std::string without_guids(std::string_view replies, bool whole,
                          std::vector<std::string>& promised) {
  static constexpr std::string_view kTaken = "250 2.6.0 ";
  static constexpr std::string_view kOld = "250 ";
  std::string text;
  while (!replies.empty()) {
    const size_t end = replies.find("\r\n");
    if (end == std::string_view::npos && !whole) break;
    must(end != std::string_view::npos, "replies are whole lines", replies);
    std::string line(replies.substr(0, end));
    replies.remove_prefix(end + 2);
    must(line.size() >= 4 &&
             std::all_of(line.begin(), line.begin() + 3,
                         [](char c) { return c >= '0' && c <= '9'; }) &&
             (line[3] == ' ' || line[3] == '-'),
         "replies begin with a code", line);
    const size_t queued = line.find(" Queued mail");
    if (queued != std::string::npos) {
      const size_t guid = line.starts_with(kTaken) ? kTaken.size() : kOld.size();
      promised.push_back(line.substr(guid + 1, queued - guid - 2));  // it stands in < >
      line.replace(guid, queued - guid, "GUID");
    }
    if (text.empty()) line = line.substr(0, 3);  // the greeting has a date
    text += line + '\n';
  }
  return text;
}

// What the log holds, read by a core that starts on it.
std::map<std::string, Stored> stored_in(SimWorld& world) {
  std::map<std::string, Stored> stored;
  SimKernel kernel(world);
  auto loop = std::move(*ring::Loop::create(kernel));
  std::string folder;
  for (const std::string& name : world.disk().list("/data"))
    for (const std::string& inside : world.disk().list("/data/" + name)) {
      if (inside.starts_with("segment-")) folder = "/data/" + name;
      for (const std::string& below : world.disk().list("/data/" + name + '/' + inside))
        if (below.starts_with("segment-")) folder = "/data/" + name + '/' + inside;
    }
  must(!folder.empty(), "there is a log");
  auto opened = spool::Spool::open(*loop, {.folder = folder,
                                           .segment_octets = kSegmentOctets,
                                           .octets_max = 8 * kSegmentOctets,
                                           .memory_octets = 16 * spool::kBlockOctets});
  must(opened.has_value(), "the log is read");
  spool::Spool& log = **opened;
  const auto turn = [&] {
    log.end_of_turn();
    ring::TimerId tick = loop->arm_timer(loop->now() + milliseconds(5), {});
    for (const ring::Completion& completion : loop->turn())
      if (completion.token.operation != ring::Operation::kNone) log.on_completion(completion);
    loop->cancel_timer(tick);
  };
  for (const Handle message : log.take_recovered()) {
    std::string stream;
    const uint32_t chunks = log.find(message)->chunk_count();
    for (uint32_t i = 0; i < chunks; ++i) {
      bool ready = log.load(message, i, {});
      for (int turns = 0; !ready && turns < 1000; ++turns) {
        turn();
        spool::Event event;
        while (log.next_event(event)) ready = ready || event.kind == spool::Event::Kind::kLoaded;
      }
      must(ready, "a message that was kept can be read");
      spool::BlockId block = spool::kNoBlock;
      const auto bytes = log.pin(message, i, block);
      stream.append(bytes.data(), bytes.size());
      log.unpin(block);
    }
    const auto envelope = spool::read_envelope(
        std::string_view(stream).substr(0, log.find(message)->envelope_octets));
    must(envelope.has_value(), "its envelope is one");
    stored[std::string(view(envelope->guid.text()))] = {
        std::string(envelope->sender), stream.substr(log.find(message)->envelope_octets)};
  }
  return stored;
}

Told tell(std::string_view text, const std::vector<size_t>& cuts, const config::Model& model,
          uint64_t seed, Duration pause) {
  Told told;
  SimWorld world(seed);
  auto client = std::make_shared<Client>();
  size_t fed = 0;
  {
    Life life(world, model);
    world.network().connect(client, kClient, kListen);
    life.run(world, seconds(5), [&] { return client->connected; });
    Duration when{};
    in_pieces(text, cuts, [&](std::string_view piece) {
      when = when + pause;
      world.after(when, [&, client, piece] {
        fed += piece.size();
        client->write(piece);
      });
    });
    // Longer than any time-out: in the end it is always the server that closes.
    life.run(world, hours(1), [&] { return client->over && fed == text.size(); });
    must(client->over, "a session ends");
    world.crash();
  }
  told.replies = without_guids(client->heard, !goes_on_behind_quit(text), told.promised);
  told.stored = stored_in(world);
  // The canary: of what comes in more than one piece a message is lost, though not its reply.
  if (kCanary && !cuts.empty() && !told.stored.empty()) told.stored.erase(told.stored.begin());
  world.kill();
  return told;
}

// What stands behind our own first field.
std::string_view without_received(std::string_view content) {
  size_t end = content.find("\r\n");
  while (end != std::string_view::npos && end + 2 < content.size() &&
         (content[end + 2] == ' ' || content[end + 2] == '\t'))
    end = content.find("\r\n", end + 2);
  return end == std::string_view::npos ? std::string_view() : content.substr(end + 2);
}

void judge(const Told& told, std::string_view text, bool repairs) {
  for (const std::string& guid : told.promised) {
    const auto found = told.stored.find(guid);
    must(found != told.stored.end(), "what was answered 250 is in the log", guid);
    const std::string_view content = found->second.content;
    must(content.starts_with("Received: "), "it begins with our field", content);
    must(content.find("\r\n.\r\n") == std::string_view::npos, "it has no lone dot", content);
    // Nothing is taken out of it, or put in, then what was sent is what is kept.
    if (repairs || holds(text, "bdat") || holds(text, "x-ms-exchange") || holds(text, "resent-") ||
        holds(text, "received"))
      continue;
    const std::string sent = std::string(without_received(content)) + ".\r\n";
    must(text.find(sent) != std::string_view::npos ||
             (sent.starts_with("\r\n") && text.find(sent.substr(2)) != std::string_view::npos),
         "it is what was sent", content);
  }
}

}  // namespace

Material material() {
  Material all{{}, smtp_words()};
  // The others are the server's fuzzer's, which is much quicker.
  for (const std::string& said : said_in_dialogues(kTextMax))
    if (holds(said, "\r\ndata\r\n") || holds(said, "\r\nbdat ")) all.seeds.push_back(seed(said));
  return all;
}

void try_one(Input& input) {
  stop_at_failed_expectations();
  const uint8_t choice = input.byte();
  const config::Model model = small_model(choice);
  const Duration pause = milliseconds(input.byte() % 4);
  const uint64_t world = input.byte();
  if (input.text().size() > kTextMax) return;
  const std::vector<size_t> cuts = input.cuts();
  const Told cut = tell(input.text(), cuts, model, world + 2, pause);
  judge(cut, input.text(), (choice & 1) != 0);
  const Told whole = tell(input.text(), {}, model, 1, {});
  judge(whole, input.text(), (choice & 1) != 0);
  if (goes_on_behind_quit(input.text())) {
    must(cut.replies.starts_with(whole.replies) || whole.replies.starts_with(cut.replies),
         "replies do not depend on how the octets arrive, but that a reset may take the last ones");
    return;
  }
  must_equal(cut.replies, whole.replies, "replies do not depend on how the octets arrive");
  must(cut.promised.size() == whole.promised.size(), "nor does what is kept");
}

}  // namespace relais::fuzz
