// What a server says once it stands: where it listens and for which connectors, where mail goes,
// what the spool gave back, and a command to try it with.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/tls_record.h"
#include "config/model.h"
#include "front/front.h"
#include "policy/snapshot.h"
#include "spool/spool.h"

namespace relais {

struct StartReport {
  const config::Model& model;
  const policy::Snapshot& policy;
  std::span<const front::Listener> listeners;
  std::span<const spool::Recovered::Report> recovered;  // one a core
  RecordKinds kernel_records;                           // of TLS

  void print() const;

 private:
  void print_listeners() const;
  void print_send_connectors() const;
  void print_kernel_tls() const;
  void print_spool() const;
  // How swaks on this machine gets its mail taken somewhere.
  struct Attempt {
    Endpoint where;
    std::string options;
    std::string_view recipient_domain;
    int effort = 0;  // the more, the harder to read
  };
  [[nodiscard]] std::optional<Attempt> attempt_at(Endpoint where, std::string_view domain) const;
  void print_try() const;
};

}  // namespace relais
