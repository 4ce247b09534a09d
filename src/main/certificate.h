// The certificate of [tls] for the life of the process: read at the start and at each reload; the
// keys of session tickets stay.
#pragma once

#include <memory>

#include "config/model.h"
#include "ring/kernel.h"
#include "tls/server_context.h"

namespace relais {

class Certificate {
 public:
  // `kernel`: for its clocks.
  explicit Certificate(ring::Kernel& kernel);

  // Null: [tls] names none. The files were found to be good a moment ago (config::load); if they
  // are not any more, this says so and gives what was good before.
  [[nodiscard]] std::shared_ptr<const tls::ServerContext> load(const config::TlsSettings& settings);
  // Now and then: turns the ticket keys.
  void tick() { keys_->turn(kernel_.now()); }

 private:
  ring::Kernel& kernel_;
  std::shared_ptr<tls::TicketKeys> keys_;
  std::shared_ptr<const tls::ServerContext> last_good_;
};

}  // namespace relais
