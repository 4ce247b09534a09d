#include "relay/work.h"

#include "smtp/ascii.h"

namespace relais::relay {

Claim claim_of(const spool::Spool& spool, const spool::Message& message) {
  return {message.flow, spool.weight(message), message.chunk_count()};
}

bool Job::plain() const {
  if (!is_seven_bit || !smtp::is_ascii(sender())) return false;
  for (uint32_t i = 0; i < recipient_count(); ++i) {
    if (!smtp::is_ascii(recipient(i)) || !smtp::is_ascii(dsn(i).orcpt)) return false;
  }
  return true;
}

void Job::conclude(Fate fate, std::string_view reply) {
  for (RecipientResult& result : results) {
    if (result.fate == Fate::kOpen) result = {fate, std::string(reply), false};
  }
}

// A message goes to few routes; two jobs a work on average is plenty, and Relay starts no work
// without a free job.
Desk::Desk(ring::Loop& the_loop, spool::Spool& the_spool, Observer& the_observer,
           uint32_t works_max)
    : loop(the_loop),
      spool(the_spool),
      observer(the_observer),
      works(works_max),
      jobs(works_max * 2) {}

}  // namespace relais::relay
