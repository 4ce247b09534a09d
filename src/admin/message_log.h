// The structured log: one JSON object a line, one line for each message taken, each refusal and
// each delivery result. Written through the ring in batches (kDelay, or kBatch octets, whichever
// comes first), whole lines only. Failure: mail goes on; lines that cannot be written are dropped
// and counted, and that is said on standard error. Limit: kBacklog octets wait at most.
#pragma once

#include <cstdint>
#include <string>

#include "front/observer.h"
#include "policy/pressure.h"
#include "relay/observer.h"
#include "ring/loop.h"

namespace relais::admin {

class MessageLog final : public front::Observer, public relay::Observer {
 public:
  // An empty path: standard output.
  static Result<std::unique_ptr<MessageLog>> open(ring::Loop& loop, const std::string& path);
  ~MessageLog() override;
  MessageLog(const MessageLog&) = delete;
  MessageLog& operator=(const MessageLog&) = delete;

  void on_turned_away(const front::Client& client, std::string_view reason) override;
  void on_taken(const front::Client& client, const smtp::Transaction& transaction, const Guid& id,
                uint64_t octets, const smtp::Reply& reply, Duration since_mail) override;
  void on_refused(const front::Client& client, std::string_view command,
                  const smtp::Transaction& transaction, std::string_view recipient,
                  const smtp::Reply& reply, std::string_view reason) override;
  void on_discarded(const front::Client& client, const smtp::Transaction& transaction,
                    const Guid& id, uint64_t octets, std::string_view reason) override;
  void on_unfiltered(const front::Client& client, const smtp::Transaction& transaction,
                     const Guid& id, std::string_view reason) override;
  void on_fallback(const front::Client& client, const smtp::Transaction& transaction,
                   std::string_view reason) override;
  void on_upstream(std::string_view host, bool usable, std::string_view why,
                   WallTime next_attempt) override;
  void on_upstream_in_clear(std::string_view host, std::string_view why, WallTime until) override;
  void on_upstream_violation(std::string_view host, std::string_view what) override;
  void on_limited(const front::Client& client, const smtp::Transaction& transaction,
                  const policy::LiveLimit& limit, const policy::LimitLevel& level, Duration wait,
                  bool shadow, std::string_view id) override;
  void on_milter(std::string_view milter, bool usable, std::string_view why,
                 WallTime next_attempt) override;
  void on_delivered(const relay::Delivery& delivery) override;
  void on_deferred(const relay::Delivery& delivery, WallTime next_attempt) override;
  void on_failed(const relay::Delivery& delivery, std::string_view kept_in) override;
  void on_notified(const relay::Delivery& delivery, const Guid& notification) override;
  void on_host(std::string_view send_connector, std::string_view host, bool usable,
               std::string_view why, WallTime next_attempt) override;
  void on_no_tls(std::string_view send_connector, std::string_view host, std::string_view why,
                 WallTime in_clear_until) override;

  // A resource runs short, or does no longer.
  void on_pressure(const policy::PressureChange& change);

  void on_completion(const ring::Completion& completion);
  void end_of_turn();
  // After the file was moved away by a log rotation. The old one stays in use if the new one cannot
  // be opened.
  void reopen();
  [[nodiscard]] bool at_rest() const { return waiting_.empty() && !writing_; }
  void hurry() { due_ = true; }

 private:
  MessageLog(ring::Loop& loop, std::string path, int fd);
  [[nodiscard]] bool room();
  void write();
  void message_fields(class JsonLine& line, const front::Client& client,
                      const smtp::Transaction& transaction) const;
  void delivery_fields(class JsonLine& line, const relay::Delivery& delivery) const;

  ring::Loop& loop_;
  std::string path_;
  int fd_;
  std::string waiting_;
  std::string out_;
  size_t written_ = 0;
  bool writing_ = false;
  bool due_ = false;
  bool broken_ = false;  // said so already
  uint64_t dropped_ = 0;
  ring::TimerId timer_;
};

}  // namespace relais::admin
