#include "admin/message_log.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "admin/json_line.h"
#include "admin/limit_metrics.h"
#include "admin/notices.h"

namespace relais::admin {
namespace {

constexpr Duration kDelay = milliseconds(50);
constexpr size_t kBatch = 64 * 1024;
constexpr size_t kBacklog = 8 * 1024 * 1024;
// What goes to a pipe in one piece is not mixed with other cores' lines (pipe(7), PIPE_BUF).
constexpr size_t kPipePiece = 4096;

std::string reply_text(const smtp::Reply& reply) {
  std::string text;
  append_reply(text, reply, true);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string range_text(const front::Client& client) {
  return client.range != nullptr ? client.range->to_string() : std::string();
}

std::vector<std::string_view> recipients_of(const smtp::Transaction& transaction) {
  std::vector<std::string_view> recipients;
  for (size_t i = 0; i < transaction.recipient_count(); ++i)
    recipients.push_back(transaction.recipient(i));
  return recipients;
}

// Who it was and where; with `local` and `session_ms`, relais replay finds the connector of another
// configuration and knows one session from the next.
void client_fields(JsonLine& line, const front::Client& client) {
  line.text("connector", client.connector)
      .text("range", range_text(client))
      .text("client", client.remote.to_string())
      .text("local", client.local.to_string())
      .milliseconds("session_ms", client.age.ns)
      .text("helo", client.hello);
  if (client.via.port != 0) line.text("via", client.via.to_string());
  if (!client.user.empty()) line.text("user", client.user);
  if (!client.partner.empty()) line.text("partner", client.partner);
}

}  // namespace

MessageLog::MessageLog(ring::Loop& loop, std::string path, int fd)
    : loop_(loop), path_(std::move(path)), fd_(fd) {}

MessageLog::~MessageLog() {
  if (!path_.empty()) loop_.kernel().close(fd_);
}

Result<std::unique_ptr<MessageLog>> MessageLog::open(ring::Loop& loop, const std::string& path) {
  int fd = STDOUT_FILENO;
  if (!path.empty()) {
    const auto opened = loop.kernel().open(path, ring::OpenMode::kAppend);
    if (!opened) return std::unexpected(opened.error());
    fd = *opened;
  }
  return std::unique_ptr<MessageLog>(new MessageLog(loop, path, fd));
}

void MessageLog::reopen() {
  if (path_.empty() || writing_) return;
  const auto opened = loop_.kernel().open(path_, ring::OpenMode::kAppend);
  if (!opened)
    return notice("cannot reopen {}: {}; the old file stays in use", path_,
                  describe(opened.error()));
  loop_.kernel().close(fd_);
  fd_ = *opened;
  broken_ = false;
}

bool MessageLog::room() {
  if (waiting_.size() < kBacklog) return true;
  ++dropped_;
  return false;
}

void MessageLog::on_turned_away(const front::Client& client, std::string_view reason) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now()))
      .text("event", "turned away")
      .text("client", client.remote.to_string())
      .text("local", client.local.to_string())
      .text("reason", reason);
}

void MessageLog::on_taken(const front::Client& client, const smtp::Transaction& transaction,
                          const Guid& id, uint64_t octets, const smtp::Reply& reply,
                          Duration since_mail) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "message");
  message_fields(line, client, transaction);
  const Guid::Text text = id.text();
  line.number("size", octets)
      .text("id", view(text))
      .text("reply", reply_text(reply))
      .text("reason", client.discards ? "discarded" : "accepted");
  if (!client.upstream.empty()) line.text("upstream", client.upstream);
  if (client.upstream_without_dsn && transaction.has_dsn())
    line.text("dsn", "not passed on: the upstream does not offer DSN");
  line.milliseconds("ms", since_mail.ns);
}

void MessageLog::on_refused(const front::Client& client, std::string_view command,
                            const smtp::Transaction& transaction, std::string_view recipient,
                            const smtp::Reply& reply, std::string_view reason) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "refused");
  client_fields(line, client);
  line.text("command", command);
  // Without one nobody knows who it is; an empty one is <>.
  if (transaction.has_sender())
    line.text("from", transaction.sender());
  else if (client.asked_sender)
    line.text("from", *client.asked_sender);
  // All of them only where that ends the transaction: who repeats a command does not get them
  // again.
  if (client.at_data_end)
    line.texts("to", recipients_of(transaction));
  else if (!recipient.empty())
    line.text("to", recipient);
  // None was said where TLS failed.
  if (reply.code != 0) line.text("reply", reply_text(reply));
  line.text("reason", reason);
  if (!client.upstream.empty()) line.text("upstream", client.upstream);
}

void MessageLog::message_fields(JsonLine& line, const front::Client& client,
                                const smtp::Transaction& transaction) const {
  client_fields(line, client);
  line.text("from", transaction.sender()).texts("to", recipients_of(transaction));
}

void MessageLog::on_discarded(const front::Client& client, const smtp::Transaction& transaction,
                              const Guid& id, uint64_t octets, std::string_view reason) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "discarded");
  message_fields(line, client, transaction);
  const Guid::Text text = id.text();
  line.text("id", view(text)).number("size", octets).text("reason", reason);
}

void MessageLog::on_unfiltered(const front::Client& client, const smtp::Transaction& transaction,
                               const Guid& id, std::string_view reason) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "unfiltered");
  message_fields(line, client, transaction);
  const Guid::Text text = id.text();
  line.text("id", view(text)).text("reason", reason);
}

void MessageLog::on_fallback(const front::Client& client, const smtp::Transaction& transaction,
                             std::string_view reason) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "fallback");
  client_fields(line, client);
  line.text("from", transaction.has_sender() ? transaction.sender()
                                             : client.asked_sender.value_or(std::string_view{}))
      .text("reason", reason);
}

void MessageLog::on_upstream(std::string_view host, bool usable, std::string_view why,
                             WallTime next_attempt) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now()))
      .text("event", usable ? "upstream up" : "upstream down")
      .text("upstream", host);
  if (!usable) line.text("reason", why).text("next_attempt", iso8601(next_attempt));
}

void MessageLog::on_upstream_in_clear(std::string_view host, std::string_view why, WallTime until) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now()))
      .text("event", "no tls")
      .text("upstream", host)
      .text("reason", why)
      .text("in_the_clear_until", iso8601(until));
}

void MessageLog::on_upstream_violation(std::string_view host, std::string_view what) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now()))
      .text("event", "upstream violation")
      .text("upstream", host)
      .text("reason", what);
}

void MessageLog::on_limited(const front::Client& client, const smtp::Transaction& transaction,
                            const policy::LiveLimit& limit, const policy::LimitLevel& level,
                            Duration wait, bool shadow, std::string_view id) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "limited");
  client_fields(line, client);
  if (transaction.has_sender())
    line.text("from", transaction.sender());
  else if (client.asked_sender)
    line.text("from", *client.asked_sender);
  line.text("limit", limit.limit->shown_name())
      .text("action", shadow ? "shadow" : "delay")
      .number("used", level.used)
      .number("of", level.of)
      .milliseconds("wait_ms", wait.ns)
      .text("id", id);
}

void MessageLog::on_milter(std::string_view milter, bool usable, std::string_view why,
                           WallTime next_attempt) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now()))
      .text("event", usable ? "milter up" : "milter down")
      .text("milter", milter);
  if (!usable) line.text("reason", why).text("next_attempt", iso8601(next_attempt));
}

void MessageLog::delivery_fields(JsonLine& line, const relay::Delivery& delivery) const {
  const Guid::Text id = delivery.id.text();
  line.text("connector", delivery.connector)
      .text("client", delivery.client)
      .text("id", view(id))
      .text("from", delivery.sender)
      .texts("to", delivery.recipients)
      .text("send_connector", delivery.send_connector)
      .text("host", delivery.host)
      .text("reply", delivery.reply);
  if (!delivery.tls_version.empty())
    line.text("tls", delivery.tls_version).text("cipher", delivery.tls_cipher);
  line.number("attempts", delivery.attempts)
      .milliseconds("ms", std::max<int64_t>(0, delivery.since_received.ns));
}

void MessageLog::on_delivered(const relay::Delivery& delivery) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "delivered");
  delivery_fields(line, delivery);
}

void MessageLog::on_deferred(const relay::Delivery& delivery, WallTime next_attempt) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "deferred");
  delivery_fields(line, delivery);
  line.text("next_attempt", iso8601(next_attempt));
}

void MessageLog::on_failed(const relay::Delivery& delivery, std::string_view kept_in) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "failed");
  delivery_fields(line, delivery);
  if (!kept_in.empty()) line.text("kept_in", kept_in);
}

void MessageLog::on_notified(const relay::Delivery& delivery, const Guid& notification) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now())).text("event", "notified");
  const Guid::Text id = delivery.id.text();
  const Guid::Text of = notification.text();
  line.text("connector", delivery.connector)
      .text("client", delivery.client)
      .text("id", view(id))
      .text("notification", view(of))
      .text("to", delivery.sender)
      .texts("about", delivery.recipients);
}

void MessageLog::on_host(std::string_view send_connector, std::string_view host, bool usable,
                         std::string_view why, WallTime next_attempt) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now()))
      .text("event", usable ? "host up" : "host down")
      .text("send_connector", send_connector)
      .text("host", host);
  if (!usable) line.text("reply", why).text("next_attempt", iso8601(next_attempt));
}

void MessageLog::on_no_tls(std::string_view send_connector, std::string_view host,
                           std::string_view why, WallTime in_clear_until) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now()))
      .text("event", "no tls")
      .text("send_connector", send_connector)
      .text("host", host)
      .text("reason", why)
      .text("in_the_clear_until", iso8601(in_clear_until));
}

void MessageLog::on_pressure(const policy::PressureChange& change) {
  if (!room()) return;
  JsonLine line(waiting_);
  line.text("time", iso8601(loop_.wall_now()))
      .text("event", "resource")
      .text("resource", name_of(change.resource))
      .text("state", name_of(change.after))
      .text("was", name_of(change.before))
      .number("figure", change.figure);
  if (change.after == policy::Pressure::kNormal) return;
  line.number("from", change.thresholds.begin_of(change.after))
      .number("until_below", change.thresholds.end_of(change.after));
}

void MessageLog::end_of_turn() {
  if (writing_ || waiting_.empty()) return;
  if (!due_ && waiting_.size() < kBatch) {
    if (timer_.is_null())
      timer_ = loop_.arm_timer(loop_.now() + kDelay, {ring::Operation::kLogTimer, {}});
    return;
  }
  due_ = false;
  std::swap(out_, waiting_);
  written_ = 0;
  write();
}

void MessageLog::write() {
  size_t octets = out_.size() - written_;
  if (path_.empty() && octets > kPipePiece) {
    const size_t end = out_.rfind('\n', written_ + kPipePiece - 1);
    octets = end != std::string::npos && end >= written_ ? end + 1 - written_ : kPipePiece;
  }
  writing_ = true;
  const auto bytes = std::as_bytes(std::span<const char>(out_).subspan(written_, octets));
  loop_.write(fd_, bytes, UINT64_MAX, {ring::Operation::kLogWrite, {}});
}

void MessageLog::on_completion(const ring::Completion& completion) {
  if (completion.token.operation == ring::Operation::kLogTimer) {
    timer_ = {};
    due_ = true;
    return;
  }
  writing_ = false;
  if (completion.result <= 0) {
    dropped_ += static_cast<uint64_t>(
        std::ranges::count(out_.begin() + static_cast<ptrdiff_t>(written_), out_.end(), '\n'));
    if (!broken_) {
      notice("cannot write the message log ({}): {}; mail goes on, lines are dropped ({} so far)",
             path_.empty() ? "standard output" : path_,
             describe(completion.ok() ? Error::kNoSpace : completion.error()), dropped_);
    }
    broken_ = true;
    out_.clear();
    return;
  }
  written_ += static_cast<size_t>(completion.result);
  if (written_ < out_.size()) return write();
  if (broken_) notice("the message log is being written again; {} lines were dropped", dropped_);
  broken_ = false;
  out_.clear();
}

}  // namespace relais::admin
