#include "admin/usage.h"

#include <algorithm>
#include <utility>

namespace relais::admin {
namespace {

constexpr Duration kHandOver = seconds(1);
// Of a reply or a reason; the whole of it stands in the message log.
constexpr size_t kTextMax = 200;

}  // namespace

std::unique_ptr<UsageTable> UsageTray::exchange(std::unique_ptr<UsageTable> full) {
  const std::lock_guard lock(mutex_);
  full_.push_back(std::move(full));
  if (empty_.empty()) return std::make_unique<UsageTable>();
  auto table = std::move(empty_.back());
  empty_.pop_back();
  return table;
}

void UsageTray::put(const CoreFigures& figures, std::vector<upstream::HostFigures> upstreams) {
  const std::lock_guard lock(mutex_);
  figures_ = figures;
  upstreams_ = std::move(upstreams);
}

CoreFigures UsageTray::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

std::vector<upstream::HostFigures> UsageTray::upstreams() const {
  const std::lock_guard lock(mutex_);
  return upstreams_;
}

void UsageTray::owe(std::optional<Instant> since) {
  const std::lock_guard lock(mutex_);
  owed_since_ = since;
}

UsageTray::Taken UsageTray::take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(full_, {}), owed_since_};
}

void UsageTray::give_back(std::unique_ptr<UsageTable> empty) {
  const std::lock_guard lock(mutex_);
  empty_.push_back(std::move(empty));
}

Usage::Usage(ring::Loop& loop, std::shared_ptr<UsageTray> tray)
    : loop_(loop), tray_(std::move(tray)), table_(std::make_unique<UsageTable>()) {}

Usage::~Usage() {
  if (!table_->empty()) hand_over();
}

void Usage::hand_over() { table_ = tray_->exchange(std::move(table_)); }

void Usage::arm() {
  if (!timer_.is_null()) return;
  timer_ = loop_.arm_timer(loop_.now() + kHandOver, {ring::Operation::kUsageTimer, {}});
  tray_->owe(loop_.now());
}

void Usage::report(const CoreFigures& figures, std::vector<upstream::HostFigures> upstreams) {
  // Connections close, circuits do, and slow starts end without a client's doing.
  const bool moves = std::ranges::any_of(upstreams, [](const upstream::HostFigures& host) {
    return host.connections != 0 || host.shares != 100 * uint64_t{host.cores};
  });
  tray_->put(figures, std::move(upstreams));
  if (figures.busy() || moves)
    arm();
  else if (timer_.is_null())
    tray_->owe(std::nullopt);
}

UsageTable::Place Usage::at(const front::Client& client) {
  if (table_->full()) hand_over();
  arm();
  return table_->at(client.connector, client.range);
}

void Usage::on_opened(const front::Client& client) {
  const auto [entry, connector] = at(client);
  const WallTime now = loop_.wall_now();
  ++entry->figures.connections;
  entry->figures.see(now);
  TopClients::Place& place = connector->clients.at(client.remote.address);
  ++place.connections;
  place.last_seen = now;
}

void Usage::on_closed(const front::Client& client) { ++at(client).entry->figures.ended; }

void Usage::on_taken(const front::Client& client, const smtp::Transaction& transaction,
                     const Guid& /*id*/, uint64_t octets, const smtp::Reply& /*reply*/,
                     Duration /*since_mail*/) {
  const auto [entry, connector] = at(client);
  const WallTime now = loop_.wall_now();
  ++entry->figures.messages;
  entry->figures.recipients += transaction.recipient_count();
  entry->figures.octets += octets;
  entry->figures.see(now);
  TopClients::Place& place = connector->clients.at(client.remote.address);
  ++place.messages;
  place.last_seen = now;
}

void Usage::on_turned_away(const front::Client& client, std::string_view reason) {
  count_refusal(client, Refusal::kProtocol, "closed without a word", reason);
}

void Usage::on_refused(const front::Client& client, std::string_view command,
                       const smtp::Transaction& /*transaction*/, std::string_view /*recipient*/,
                       const smtp::Reply& reply, std::string_view reason) {
  std::string text;
  if (reply.code != 0) {
    append_reply(text, reply, true);
    text.resize(text.size() - 2);  // without CRLF
  }
  count_refusal(client, classify(client.connector, command, reply, reason), text, reason);
}

void Usage::count_refusal(const front::Client& client, Refusal refusal, std::string_view reply,
                          std::string_view reason) {
  const auto [entry, connector] = at(client);
  const WallTime now = loop_.wall_now();
  ++entry->figures.refusals[static_cast<size_t>(refusal)];
  entry->figures.see(now);
  TopClients::Place& place = connector->clients.at(client.remote.address);
  ++place.refused;
  place.last_seen = now;
  LastRefusal& last = connector->last_refusal;
  last.time = now;
  last.client = client.remote.address;
  last.reply.assign(reply.substr(0, kTextMax));
  last.reason.assign(reason.substr(0, kTextMax));
}

void Usage::on_completion(const ring::Completion& /*completion*/) {
  timer_ = {};
  if (!table_->empty()) hand_over();
}

}  // namespace relais::admin
