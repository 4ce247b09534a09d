// The certificates of [tls] and of connectors for the life of the process: read at the start and at
// each reload; the keys of session tickets stay.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/model.h"
#include "front/serving_policy.h"
#include "ring/kernel.h"
#include "tls/server_context.h"

namespace relais {

class Certificates {
 public:
  // `kernel`: for its clocks.
  explicit Certificates(ring::Kernel& kernel);

  // Fills tls and tls_by_certificate. The files were found to be good a moment ago (config::load);
  // if they are not any more, this says so and gives what was good before.
  void load(const config::Model& model, front::Services& services);
  // Now and then: turns the ticket keys.
  void tick() { keys_->turn(kernel_.now()); }

 private:
  using Context = std::shared_ptr<const tls::ServerContext>;
  [[nodiscard]] Context read(const tls::ServerSettings& settings);

  ring::Kernel& kernel_;
  std::shared_ptr<tls::TicketKeys> keys_;
  std::map<std::string, Context> last_good_;  // by the file of the first certificate
};

}  // namespace relais
