#include "main/needs_restart.h"

namespace relais {

std::string needs_restart(const config::Model& fresh, const config::Model& running) {
  std::string names;
  const auto add = [&](bool changed, const char* name) {
    if (!changed) return;
    if (!names.empty()) names += ", ";
    names += name;
  };
  config::ServerSettings server = fresh.server;
  server.audit_log = running.server.audit_log;  // read by the shell alone
  server.watch_config = running.server.watch_config;
  server.max_connection_rate_per_minute = running.server.max_connection_rate_per_minute;
  add(server != running.server, "[server]");
  add(fresh.spool != running.spool, "[spool]");
  add(fresh.retry != running.retry, "[retry]");
  add(fresh.notifications != running.notifications, "[notifications]");
  add(fresh.admin != running.admin, "[admin]");
  add(fresh.tls.handshake_threads != running.tls.handshake_threads, "handshake_threads of [tls]");
  add(fresh.send_connectors != running.send_connectors, "[[send_connector]]");
  return names;
}

}  // namespace relais
