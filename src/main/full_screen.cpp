#include "main/full_screen.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace relais {
namespace {

// Alternate screen, no cursor, no wrapping at the right edge; and back.
constexpr std::string_view kEnter = "\033[?1049h\033[?25l\033[?7l\033[2J";
constexpr std::string_view kLeave = "\033[?7h\033[?25h\033[?1049l";
constexpr int kDeadly[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

termios g_before{};  // what a signal gives back

void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

// Only what signal-safety(7) allows.
void restore() {
  write_out(kLeave);
  tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
}

void on_deadly(int /*signal*/) {
  restore();
  _exit(0);
}

void on_resize(int /*signal*/) {}  // wakes poll()

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  for (const int other : kDeadly) sigaddset(&action.sa_mask, other);
  sigaction(number, &action, nullptr);
}

}  // namespace

std::string FullScreen::why_not() {
  if (isatty(STDOUT_FILENO) == 0) return "standard output is no terminal";
  if (isatty(STDIN_FILENO) == 0) return "standard input is no terminal";
  const char* term = std::getenv("TERM");
  if (term == nullptr || *term == '\0' || std::string_view(term) == "dumb")
    return "the terminal (TERM) has no escapes";
  return {};
}

FullScreen::FullScreen() {
  tcgetattr(STDIN_FILENO, &g_before);
  for (const int number : kDeadly) handle(number, on_deadly);
  handle(SIGWINCH, on_resize);
  termios raw = g_before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // a stopped program would leave its screen behind
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_out(kEnter);
}

FullScreen::~FullScreen() {
  restore();
  for (const int number : kDeadly) handle(number, SIG_DFL);
  handle(SIGWINCH, SIG_DFL);
}

FullScreen::Size FullScreen::size() const {
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0)
    return {};
  return {window.ws_col, window.ws_row};
}

// In place: each line clears the rest of the old one, so nothing flickers.
void FullScreen::show(const std::vector<std::string>& lines) {
  std::string out = "\033[H";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\r\n";
    out += lines[i];
    out += "\033[K";
  }
  out += "\033[J";
  write_out(out);
}

FullScreen::Woken FullScreen::wait(Duration time, char& key) {
  pollfd waits{STDIN_FILENO, POLLIN, 0};
  const int ready = poll(&waits, 1, static_cast<int>(time.ms()));
  if (ready == 0) return Woken::kTime;
  if (ready < 0) return errno == EINTR ? Woken::kResized : Woken::kClosed;
  const ssize_t octets = ::read(STDIN_FILENO, &key, 1);
  if (octets < 0 && errno == EINTR) return Woken::kResized;
  return octets == 1 ? Woken::kKey : Woken::kClosed;
}

size_t output_columns() {
  winsize window{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0) return 0;
  return window.ws_col;
}

}  // namespace relais
