#include "admin/metrics_server.h"
#include "base/gentle_thread.h"

#include <civetweb.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <ctime>
#include <future>
#include <utility>

namespace relais::admin {
namespace {

constexpr int kNice = 10;  // a core that is busy gets about nine times as much of a CPU

std::string_view reason_of(MetricsServer::Health health) {
  switch (health) {
    case MetricsServer::Health::kStarting:
      return "starting";
    case MetricsServer::Health::kOk:
      return "ok";
    case MetricsServer::Health::kDraining:
      break;
  }
  return "draining";
}

// Head and body by ourselves: for the Date field the library calls gmtime(), which several threads
// may not do at a time. (So on_error answers what the library would.)
void send(mg_connection* connection, int status, std::string_view type, std::string_view body,
          bool with_body) {
  std::string answer = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\nContent-Type: {}\r\n"
      "Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n{}\r\n",
      status, mg_get_response_code_text(connection, status), fmt::gmtime(std::time(nullptr)), type,
      body.size(), status == 405 ? "Allow: GET, HEAD\r\n" : "");
  if (with_body) answer += body;
  mg_write(connection, answer.data(), answer.size());
}

}  // namespace

std::unique_ptr<MetricsServer> MetricsServer::start(const Endpoint& where, std::string& problem) {
  static const unsigned kFeatures = mg_init_library(0);  // once for the process
  static_cast<void>(kFeatures);
  const std::string address = where.to_string();
  const std::string threads = std::to_string(kThreads);
  const std::string timeout = std::to_string(kRequestTimeout.ns / 1'000'000);
  // A connection has a thread to its end, so one request each. No document_root: no files.
  std::array options = {"listening_ports",
                        address.c_str(),
                        "num_threads",
                        threads.c_str(),
                        "request_timeout_ms",
                        timeout.c_str(),
                        "enable_keep_alive",
                        "no",
                        static_cast<const char*>(nullptr)};
  mg_callbacks callbacks{};
  callbacks.begin_request = on_request;
  callbacks.http_error = on_error;
  callbacks.log_message = on_log;
  callbacks.init_thread = on_thread;
  std::unique_ptr<MetricsServer> server(new MetricsServer(where));
  mg_init_data init{
      .callbacks = &callbacks, .user_data = server.get(), .configuration_options = options.data()};
  server->context_ = mg_start2(&init, nullptr);
  if (server->context_ != nullptr) return server;
  const std::lock_guard lock(server->mutex_);
  problem = server->first_problem_;
  return nullptr;
}

// The library looks every two seconds whether it is to stop, and whenever somebody connects.
MetricsServer::~MetricsServer() {
  if (context_ == nullptr) return;
  const auto stopped = std::async(std::launch::async, [this] { mg_stop(context_); });
  while (stopped.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready) {
    const std::string host = where_.address.to_string();
    std::array<char, 128> error{};
    mg_connection* knock =
        mg_connect_client(host.c_str(), where_.port, 0, error.data(), error.size());
    if (knock != nullptr) mg_close_connection(knock);
  }
}

void MetricsServer::publish(std::shared_ptr<const Metrics> metrics) {
  const std::lock_guard lock(mutex_);
  metrics_.swap(metrics);  // the old one is freed after the lock
}

void MetricsServer::set_health(Health health) {
  const std::lock_guard lock(mutex_);
  health_ = health;
}

MetricsServer::Answer MetricsServer::metrics_page() {
  std::shared_ptr<const Metrics> metrics;
  {
    const std::lock_guard lock(mutex_);
    metrics = metrics_;
  }
  if (metrics == nullptr) return {.status = 503, .body = "starting\n"};
  ProcessFigures process = read_process_figures();
  process.start_seconds = process_start_;
  return {.type = kMetricsType, .body = metrics_text(*metrics, process)};
}

MetricsServer::Answer MetricsServer::health_page() {
  const std::lock_guard lock(mutex_);
  return {.status = health_ == Health::kOk ? 200 : 503,
          .body = std::string(reason_of(health_)) + '\n'};
}

MetricsServer::Answer MetricsServer::answer(std::string_view method, std::string_view path) {
  if (path != "/metrics" && path != "/healthz")
    return {.status = 404, .body = "here are /metrics and /healthz\n"};
  if (method != "GET" && method != "HEAD") return {.status = 405, .body = "GET or HEAD\n"};
  return path == "/metrics" ? metrics_page() : health_page();
}

int MetricsServer::on_request(mg_connection* connection) {
  const mg_request_info* request = mg_get_request_info(connection);
  auto* server = static_cast<MetricsServer*>(request->user_data);
  const auto text = [](const char* of) { return std::string_view(of == nullptr ? "" : of); };
  const std::string_view method = text(request->request_method);
  const Answer answer = server->answer(method, text(request->local_uri));
  send(connection, answer.status, answer.type, answer.body, method != "HEAD");
  return answer.status;
}

int MetricsServer::on_error(mg_connection* connection, int status, const char* /*message*/) {
  const std::string body = fmt::format("{}\n", mg_get_response_code_text(connection, status));
  send(connection, status, Answer{}.type, body, true);
  return 0;
}

// What clients do wrong is nobody's business here; why the address cannot be had is.
int MetricsServer::on_log(const mg_connection* connection, const char* message) {
  if (connection == nullptr || message == nullptr) return 1;
  const auto* context = mg_get_context(connection);
  auto* server = static_cast<MetricsServer*>(mg_get_user_data(context));
  if (server == nullptr) return 1;
  const std::lock_guard lock(server->mutex_);
  if (server->first_problem_.empty()) server->first_problem_ = message;
  return 1;
}

void* MetricsServer::on_thread(const mg_context* /*context*/, int /*kind*/) {
  go_gently("admin", kNice);
  return nullptr;
}

}  // namespace relais::admin
