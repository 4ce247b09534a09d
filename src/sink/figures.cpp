#include "sink/figures.h"

#include <algorithm>

namespace relais::sink {

void Totals::add(const Figures& figures) {
  sessions += figures.sessions.read();
  open += figures.sessions.read() - figures.ended.read();
  turned_away += figures.turned_away.read();
  messages += figures.messages.read();
  octets += figures.octets.read();
  recipients += figures.recipients.read();
  refused += figures.refused.read();
  cut += figures.cut.read();
  unmarked += figures.unmarked.read();
  damaged += figures.damaged.read();
  duplicates += figures.duplicates.read();
  not_compared += figures.not_compared.read();
  tls_failures += figures.tls_failures.read();
  const int64_t first = figures.first_ns.load(std::memory_order_relaxed);
  if (first != 0) first_ns = first_ns == 0 ? first : std::min(first_ns, first);
  last_ns = std::max(last_ns, figures.last_ns.load(std::memory_order_relaxed));
  time = {first_ns == 0 ? 0 : std::max<int64_t>(0, last_ns - first_ns)};
}

}  // namespace relais::sink
