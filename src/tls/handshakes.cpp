#include "tls/handshakes.h"

#include <utility>

#include "base/assert.h"

namespace relais::tls {

void take(Step& step) {
  ASSERT(step.stream->state() == Stream::State::kHandshake);
  char unused = 0;  // in a handshake there is no plaintext
  step.stream->feed(step.input);
  step.event = step.stream->next({&unused, 1});
  ASSERT(step.event.kind != Event::Kind::kPlaintext);
}

Handshakes::Handshakes(uint32_t threads)
    : threads_({.name = "tls", .threads = threads},
               [this](std::shared_ptr<Step> step) { serve(std::move(step)); }) {}

void Handshakes::submit(uint64_t flow, std::shared_ptr<Step> step) {
  const bool taken = threads_.push(flow, std::move(step));
  ASSERT(taken);  // there is no limit
}

void Handshakes::serve(std::shared_ptr<Step> step) {
  if (!step->abandoned) take(*step);
  ++steps_;
  const auto done = std::move(step->done);
  done(std::move(step));
}

}  // namespace relais::tls
