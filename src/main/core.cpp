#include "main/core.h"

#include <bit>

#include "admin/pressure_keeper.h"
#include "base/assert.h"
#include "front/moved_session.h"

namespace relais {
namespace {

// A large buffer takes more of a long content at once, which is fewer receives and fewer
// acknowledgements: that of 1 MiB costs an eighth less than with small ones. Enough of them come
// first.
constexpr uint64_t kReceiveBuffersWanted = 512;
constexpr uint64_t kReceiveBufferMin = 16'384;
constexpr uint64_t kReceiveBufferMax = 65'536;
// What comes after drain_timeout: last replies, and the last flush.
constexpr Duration kAfterDrain = seconds(5);

front::Front::Options front_options(const config::Model& model, const Core::Options& options) {
  const uint64_t memory = model.server.receive_buffers;
  const uint64_t octets = std::clamp(std::bit_floor(memory / kReceiveBuffersWanted),
                                     kReceiveBufferMin, kReceiveBufferMax);
  const auto buffers = std::clamp<uint64_t>(std::bit_floor(memory / octets), 16, 32'768);
  return {.core = options.index,
          .guid_salt = options.guid_salt,
          .sessions_max = model.server.max_sessions,
          .receive_buffers = static_cast<uint32_t>(buffers),
          .receive_buffer_octets = static_cast<uint32_t>(octets),
          .drain_timeout = model.server.drain_timeout,
          .step_events = options.step_events,
          .handshakes = options.handshakes};
}

spool::Spool::Options spool_options(const config::Model& model, uint16_t core) {
  return {.folder = model.server.data_dir + "/spool/core-" + std::to_string(core),
          .segment_octets = model.spool.segment_size,
          .octets_max = model.spool.max_size,
          .memory_octets = model.server.message_memory};
}

relay::Relay::Options relay_options(const config::Model& model, const Core::Options& options) {
  return {.fqdn = model.server.fqdn,
          .postmaster_domain = config::postmaster_domain(model),
          .failed_folder = model.server.data_dir + "/failed",
          .notifies = model.notifications.enabled,
          .notices = {.fqdn = model.server.fqdn,
                      .from = config::notification_sender(model),
                      .guid_salt = options.guid_salt,
                      .core = options.index},
          .retry = model.retry,
          .security = options.hop_security};
}

std::vector<spool::Share> shares_of(const std::vector<policy::ReceiveConnector>& connectors) {
  std::vector<spool::Share> shares;
  for (const policy::ReceiveConnector& connector : connectors) {
    // What nobody can come to reserves nothing.
    const uint32_t reserved = connector.enabled ? connector.reserved_share : 0;
    shares.push_back({connector.name, connector.fair_weight, reserved});
  }
  return shares;
}

template <class T>
std::unexpected<Error> give_up(const Result<T>& result, std::string& problem, std::string what) {
  problem = std::move(what);
  return std::unexpected(result.error());
}

}  // namespace

Core::~Core() = default;

Result<std::unique_ptr<Core>> Core::create(ring::Kernel& kernel, const config::Model& model,
                                           front::Neighbours& neighbours, const Options& options,
                                           std::string& problem) {
  std::unique_ptr<Core> core(new Core);
  core->index_ = options.index;
  core->drain_timeout_ = model.server.drain_timeout;
  auto loop = ring::Loop::create(kernel);
  if (!loop) return give_up(loop, problem, "io_uring");
  core->loop_ = std::move(*loop);
  auto mailbox = ring::Mailbox::create(kernel);
  if (!mailbox) return give_up(mailbox, problem, "eventfd");
  core->mailbox_ = std::move(*mailbox);
  core->mailbox_->arm(*core->loop_);
  auto log = admin::MessageLog::open(*core->loop_, model.server.log_file);
  if (!log) return give_up(log, problem, "the message log " + model.server.log_file);
  core->log_ = std::move(*log);
  core->usage_ = std::make_unique<admin::Usage>(*core->loop_, core->usage_tray_);
  core->observers_ = std::make_unique<admin::Observers>(*core->usage_, *core->log_);
  core->dialogues_ =
      std::make_unique<admin::DialogueFeed>(*core->loop_, options.protocol_log, model.server.fqdn);
  const spool::Spool::Options in_spool = spool_options(model, options.index);
  auto spool = spool::Spool::open(*core->loop_, in_spool);
  if (!spool) return give_up(spool, problem, "the spool in " + in_spool.folder);
  core->spool_ = std::move(*spool);
  core->spool_->set_shares(shares_of(model.receive_connectors));
  auto front = front::Front::create(*core->loop_, *core->spool_, *core->observers_, neighbours,
                                    front_options(model, options));
  if (!front) return give_up(front, problem, "receive buffers");
  core->front_ = std::move(*front);
  core->front_->watch(core->dialogues_.get());
  auto relay = relay::Relay::create(*core->loop_, *core->spool_, *core->log_, model.send_connectors,
                                    relay_options(model, options), problem);
  if (!relay) return std::unexpected(relay.error());
  core->relay_ = std::move(*relay);
  core->relay_->adopt(core->spool_->take_recovered());
  core->report();
  return core;
}

void Core::apply(PolicyLetter letter) {
  spool_->set_shares(shares_of(letter.policy->snapshot().connectors()));
  front_->apply(std::move(letter.policy), std::move(letter.limits));
  front_->listen(std::move(letter.listeners));
}

void Core::drain() {
  if (draining_) return;
  draining_ = true;
  front_->drain();
  [[maybe_unused]] const auto timer = loop_->arm_timer(loop_->now() + drain_timeout_ + kAfterDrain,
                                                       {ring::Operation::kEndTimer, {}});
}

bool Core::turn() {
  for (const ring::Completion& completion : loop_->turn()) dispatch(completion);
  settle();
  return !finished();
}

void Core::dispatch(const ring::Completion& completion) {
  using enum ring::Operation;
  switch (completion.token.operation) {
    case kNone:
    case kLoadConnect:  // these are of relais-load, which has a ring of its own
    case kLoadReceive:
    case kLoadSend:
    case kLoadClose:
    case kLoadRetry:
    case kLoadSweep:
      return;
    case kWake:
      return on_letters();
    case kEndTimer:
      time_is_up_ = true;
      return;

    case kAccept:
    case kAcceptRetry:
    case kSessionReceive:
    case kSessionSend:
    case kSessionClose:
    case kSessionTimer:
    case kDrainTimer:
    case kBuffersTimer:
    case kArrivalReceive:
    case kArrivalClose:
    case kArrivalTimer:
    case kMilterConnect:
    case kMilterReceive:
    case kMilterSend:
    case kMilterClose:
    case kMilterLinkTimer:
    case kMilterTalkTimer:
    case kUpstreamConnect:
    case kUpstreamReceive:
    case kUpstreamSend:
    case kUpstreamClose:
    case kUpstreamLinkTimer:
    case kUpstreamTalkTimer:
    case kUpstreamTrialTimer:
      return front_->on_completion(completion);

    case kSpoolWrite:
    case kSpoolZero:
    case kSpoolRead:
    case kSpoolTimer:
      return spool_->on_completion(completion);

    case kHopConnect:
    case kHopReceive:
    case kHopSend:
    case kHopClose:
    case kHopTimer:
    case kRouteTimer:
    case kMessageTimer:
    case kMaildirOpen:
    case kMaildirWrite:
    case kMaildirSync:
    case kMaildirRename:
    case kMaildirSyncFolder:
    case kMaildirClose:
      return relay_->on_completion(completion);

    case kLogWrite:
    case kLogTimer:
      return log_->on_completion(completion);

    case kDripTimer:
    case kRefuseTimer:
      ASSERT(false);  // a program beside this one has them
      return;

    case kDialogueTimer:
      return dialogues_->on_completion(completion);

    case kUsageTimer:
      usage_->on_completion(completion);
      return report();
  }
}

void Core::report() {
  const relay::Relay::Figures relay = relay_->figures();
  const spool::Spool::Figures spool = spool_->figures();
  const spool::Spool::Room room = spool_->room();
  usage_->report({.delivered = relay.delivered,
                  .deferred = relay.deferred,
                  .failed = relay.failed,
                  .flushes = spool.groups,
                  .failed_flushes = spool.failed_groups,
                  .sessions_moved = front_->sessions_given_away(),
                  .kernel_tls_sessions = front_->sessions_given_to_kernel(),
                  .waiting = relay.waiting,
                  .in_work = relay.in_work,
                  .connections = relay.connections,
                  .spooled = spool.messages,
                  .segments = spool.segments,
                  .spool_live = room.live,
                  .spool_budget = room.budget,
                  .spool_idle = room.idle},
                 front_->upstream_hosts());
}

void Core::on_letters() {
  mailbox_->arm(*loop_);
  for (ring::Letter& letter : mailbox_->take()) {
    switch (letter.kind) {
      case ring::Letter::Kind::kDrain:
        drain();
        break;
      case ring::Letter::Kind::kPolicy:
        apply(std::move(*std::static_pointer_cast<PolicyLetter>(letter.object)));
        break;
      case ring::Letter::Kind::kConnection:
        front_->adopt(letter.value);
        break;
      case ring::Letter::Kind::kSession:
        front_->take_over(*std::static_pointer_cast<front::MovedSession>(letter.object));
        break;
      case ring::Letter::Kind::kReopenLog:
        log_->reopen();
        break;
      case ring::Letter::Kind::kAuth:
        front_->on_auth_answer(*std::static_pointer_cast<front::AuthAnswer>(letter.object));
        break;
      case ring::Letter::Kind::kHandshake:
        front_->on_handshake(*std::static_pointer_cast<front::StepDone>(letter.object));
        break;
      case ring::Letter::Kind::kPressure:
        on_pressure(letter);
        break;
      case ring::Letter::Kind::kTraces:
        dialogues_->trace(*std::static_pointer_cast<admin::TraceTaps>(letter.object));
        break;
    }
  }
}

void Core::on_pressure(const ring::Letter& letter) {
  const auto pressure = std::static_pointer_cast<admin::PressureLetter>(letter.object);
  front_->apply(pressure->answers);
  if (index_ == 0) {
    for (const auto& change : pressure->changes) log_->on_pressure(change);
  }
}

// Carries what happened from room to room until nothing is left to carry in this turn.
void Core::settle() {
  do {
    spool::Event event;
    while (spool_->next_event(event)) on_spool_event(event);
    front_->end_of_turn();
    relay_->end_of_turn();
    spool_->end_of_turn();
  } while (spool_->has_events());
  if (front_->review_due()) front_->review_placement(relay_->at_limit());
  log_->end_of_turn();
}

void Core::on_spool_event(const spool::Event& event) {
  switch (event.kind) {
    case spool::Event::Kind::kCommitted:
    case spool::Event::Kind::kFailed:
    case spool::Event::Kind::kSpace:
      front_->on_spool_event(event);
      return relay_->on_spool_event(event);
    case spool::Event::Kind::kLoaded:
    case spool::Event::Kind::kUnreadable:
      return relay_->on_spool_event(event);
  }
}

// The stages of an orderly end: sessions, deliveries, delivery records, log.
bool Core::finished() {
  if (!draining_) return false;
  if (!front_->drained() && !time_is_up_) return false;
  relay_->drain();
  if (!relay_->drained() && !time_is_up_) return false;
  const bool clean = spool_->at_rest() && log_->at_rest();
  if (clean || time_is_up_) return true;
  spool_->hurry();
  log_->hurry();
  settle();
  return false;
}

}  // namespace relais
