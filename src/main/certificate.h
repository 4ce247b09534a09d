// The certificates of [tls] and of connectors for the life of the process: read at the start and at
// each reload; the keys of session tickets stay.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/tls_record.h"
#include "config/model.h"
#include "front/serving_policy.h"
#include "ring/kernel.h"
#include "tls/server_context.h"

namespace relais {

class Certificates {
 public:
  // `kernel`: for its clocks, and what it knows of TLS.
  explicit Certificates(ring::Kernel& kernel);

  // Fills `services.tls`. The files were found to be good a moment ago (config::load);
  // if they are not any more, this says so and gives what was good before.
  void load(const config::Model& model, front::Services& services);
  // What of TLS the kernel does for sessions under `model`. It is asked once.
  [[nodiscard]] RecordKinds kernel_records(const config::Model& model);
  // Now and then: turns the ticket keys.
  void tick() { keys_->turn(kernel_.now()); }

 private:
  using Context = std::shared_ptr<const tls::ServerContext>;
  using Key = std::pair<std::string, bool>;  // as in front::Services
  [[nodiscard]] Context read(const Key& key, const config::Model& model);

  ring::Kernel& kernel_;
  std::shared_ptr<tls::TicketKeys> keys_;
  std::optional<RecordKinds> kernel_records_;  // null: not asked yet
  std::map<Key, Context> last_good_;
};

}  // namespace relais
