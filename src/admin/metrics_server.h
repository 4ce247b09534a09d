// HTTP on the admin address: /metrics and /healthz, served by the civetweb library on threads of
// its own, which are less urgent than the cores. It gets figures from the main thread (publish) and
// never asks a core. It reads nothing from disk and serves no files.
//
// Limits: kThreads requests at a time, one a connection, each within kRequestTimeout; what comes on
// top waits in the system's backlog. So a client that is slow or talks nonsense costs others of the
// page time at most, and mail nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "admin/metrics.h"
#include "base/clock.h"
#include "base/ip.h"

struct mg_connection;
struct mg_context;

namespace relais::admin {

class MetricsServer {
 public:
  static constexpr int kThreads = 4;
  static constexpr Duration kRequestTimeout = seconds(5);

  enum class Health : uint8_t { kStarting, kOk, kDraining };

  // Null: it cannot listen there, and `problem` says why. Until publish() /metrics is answered 503.
  [[nodiscard]] static std::unique_ptr<MetricsServer> start(const Endpoint& where,
                                                            std::string& problem);
  ~MetricsServer();  // waits for requests that are under way
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  void publish(std::shared_ptr<const Metrics> metrics);
  void set_health(Health health);

 private:
  struct Answer {
    int status = 200;
    std::string_view type = "text/plain; charset=utf-8";
    std::string body;
  };

  explicit MetricsServer(const Endpoint& where)
      : where_(where), process_start_(read_process_start()) {}
  [[nodiscard]] Answer answer(std::string_view method, std::string_view path);
  [[nodiscard]] Answer metrics_page();
  [[nodiscard]] Answer health_page();
  // Called by the library on its threads.
  static int on_request(mg_connection* connection);
  static int on_error(mg_connection* connection, int status, const char* message);
  static int on_log(const mg_connection* connection, const char* message);
  static void* on_thread(const mg_context* context, int kind);

  Endpoint where_;
  double process_start_;
  std::mutex mutex_;  // of the three below
  std::shared_ptr<const Metrics> metrics_;
  Health health_ = Health::kStarting;
  std::string first_problem_;  // that the library told
  mg_context* context_ = nullptr;
};

}  // namespace relais::admin
