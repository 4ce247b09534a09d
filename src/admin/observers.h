// The front tells one observer; here it tells both.
#pragma once

#include "front/observer.h"

namespace relais::admin {

class Observers final : public front::Observer {
 public:
  Observers(front::Observer& first, front::Observer& second) : first_(first), second_(second) {}

  void on_opened(const front::Client& client) override {
    first_.on_opened(client);
    second_.on_opened(client);
  }
  void on_closed(const front::Client& client) override {
    first_.on_closed(client);
    second_.on_closed(client);
  }
  void on_turned_away(const front::Client& client, std::string_view reason) override {
    first_.on_turned_away(client, reason);
    second_.on_turned_away(client, reason);
  }
  void on_taken(const front::Client& client, const smtp::Transaction& transaction, const Guid& id,
                uint64_t octets, const smtp::Reply& reply, Duration since_mail) override {
    first_.on_taken(client, transaction, id, octets, reply, since_mail);
    second_.on_taken(client, transaction, id, octets, reply, since_mail);
  }
  void on_refused(const front::Client& client, std::string_view command,
                  const smtp::Transaction& transaction, std::string_view recipient,
                  const smtp::Reply& reply, std::string_view reason) override {
    first_.on_refused(client, command, transaction, recipient, reply, reason);
    second_.on_refused(client, command, transaction, recipient, reply, reason);
  }
  void on_discarded(const front::Client& client, const smtp::Transaction& transaction,
                    const Guid& id, uint64_t octets, std::string_view reason) override {
    first_.on_discarded(client, transaction, id, octets, reason);
    second_.on_discarded(client, transaction, id, octets, reason);
  }
  void on_unfiltered(const front::Client& client, const smtp::Transaction& transaction,
                     const Guid& id, std::string_view reason) override {
    first_.on_unfiltered(client, transaction, id, reason);
    second_.on_unfiltered(client, transaction, id, reason);
  }
  void on_fallback(const front::Client& client, const smtp::Transaction& transaction,
                   std::string_view reason) override {
    first_.on_fallback(client, transaction, reason);
    second_.on_fallback(client, transaction, reason);
  }
  void on_upstream(std::string_view host, bool usable, std::string_view why,
                   WallTime next_attempt) override {
    first_.on_upstream(host, usable, why, next_attempt);
    second_.on_upstream(host, usable, why, next_attempt);
  }
  void on_upstream_in_clear(std::string_view host, std::string_view why, WallTime until) override {
    first_.on_upstream_in_clear(host, why, until);
    second_.on_upstream_in_clear(host, why, until);
  }
  void on_upstream_violation(std::string_view host, std::string_view what) override {
    first_.on_upstream_violation(host, what);
    second_.on_upstream_violation(host, what);
  }
  void on_limited(const front::Client& client, const smtp::Transaction& transaction,
                  const policy::LiveLimit& limit, const policy::LimitLevel& level, Duration wait,
                  bool shadow, std::string_view id) override {
    first_.on_limited(client, transaction, limit, level, wait, shadow, id);
    second_.on_limited(client, transaction, limit, level, wait, shadow, id);
  }
  void on_milter(std::string_view milter, bool usable, std::string_view why,
                 WallTime next_attempt) override {
    first_.on_milter(milter, usable, why, next_attempt);
    second_.on_milter(milter, usable, why, next_attempt);
  }

 private:
  front::Observer& first_;
  front::Observer& second_;
};

}  // namespace relais::admin
