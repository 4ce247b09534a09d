#include "admin/notices.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>

namespace relais::admin {

void write_notice(std::string_view text) {
  static const auto kLogger = [] {
    auto logger = std::make_shared<spdlog::logger>(
        "relais", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z relais: %v");
    logger->flush_on(spdlog::level::info);
    return logger;
  }();
  kLogger->info(text);
}

void write_plain(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace relais::admin
