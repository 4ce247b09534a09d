#include "admin/live_keeper.h"

#include <utility>

namespace relais::admin {

void LiveKeeper::begin(int64_t pid, const std::string& data_dir, std::string server,
                       std::string version) {
  head_.pid = pid;
  head_.server = std::move(server);
  head_.version = std::move(version);
  head_.started = kernel_.wall_now();
  server_.start(data_dir);
}

void LiveKeeper::tick(LiveInput input) {
  input.now = kernel_.now();
  const WallTime now = kernel_.wall_now();
  std::vector<LimitedConnector> without_sources;
  for (const std::string& name : input.names) without_sources.push_back({name, {}});
  times_.look(limit_metrics(input.limits, without_sources, input.now), now);
  if (!server_.wanted()) return;
  LiveFigures figures = head_;
  figures.gathered = now;
  gather(figures, input, times_);
  server_.publish(to_line(to_record(figures)) + '\n');
}

}  // namespace relais::admin
