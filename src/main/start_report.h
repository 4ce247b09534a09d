// What a server says once it stands: where it listens and for which connectors, where mail goes,
// what the spool gave back, and a command to try it with.
#pragma once

#include <span>

#include "config/model.h"
#include "front/front.h"
#include "spool/spool.h"

namespace relais {

struct StartReport {
  const config::Model& model;
  std::span<const front::Listener> listeners;
  std::span<const spool::Recovered::Report> recovered;  // one a core

  void print() const;

 private:
  void print_listeners() const;
  void print_send_connectors() const;
  void print_spool() const;
  void print_try() const;
};

}  // namespace relais
