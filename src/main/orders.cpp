#include "main/orders.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "ring/linux_kernel.h"

namespace relais {
namespace {

sigset_t set_of(std::initializer_list<int> numbers) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : numbers) sigaddset(&signals, number);
  return signals;
}

}  // namespace

Orders::Orders() {
  const sigset_t signals = set_of({SIGTERM, SIGINT, SIGHUP, SIGUSR1});
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signals_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  ASSERT(signals_ >= 0);
}

Orders::~Orders() { close(signals_); }

void Orders::obey_at_once() {
  const sigset_t again = set_of({SIGINT, SIGTERM});
  pthread_sigmask(SIG_UNBLOCK, &again, nullptr);
}

Orders::Kind Orders::next_signal() {
  signalfd_siginfo signal{};
  if (read(signals_, &signal, sizeof signal) != sizeof signal) return Kind::kNone;
  if (signal.ssi_signo == SIGHUP) return Kind::kReload;
  return signal.ssi_signo == SIGUSR1 ? Kind::kLimits : Kind::kStop;
}

Orders::Kind Orders::wait(Duration at_most) {
  if (const auto left = watch_.time_left(ring::LinuxKernel().now()))
    at_most = std::min(at_most, *left);
  // Rounded up: what is not due would be asked again and again.
  const auto ms = static_cast<int>((at_most.ns + milliseconds(1).ns - 1) / milliseconds(1).ns);
  std::array<pollfd, 2> fds{pollfd{signals_, POLLIN, 0}, pollfd{watch_.fd(), POLLIN, 0}};
  (void)poll(fds.data(), fds.size(), ms);
  const Instant now = ring::LinuxKernel().now();
  watch_.look(now);
  if (const Kind kind = next_signal(); kind != Kind::kNone) return kind;
  auto changed = watch_.take_change(now);
  if (!changed) return Kind::kNone;
  changed_ = std::move(*changed);
  return Kind::kChanged;
}

}  // namespace relais
