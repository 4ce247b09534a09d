// relais-verify SENT RECEIVED: the command line of the comparison of two ledgers.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <expected>
#include <string>

#include "ledger/report.h"

namespace {

using relais::ledger::Ledger;

// Mapped for the life of the process: a ledger of millions of lines is read where it lies.
std::expected<Ledger, std::string> map_ledger(const std::string& path) {
  const auto problem = [&] { return std::unexpected(path + ": " + std::strerror(errno)); };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return problem();
  struct stat status {};
  if (fstat(fd, &status) != 0) return problem();
  if (!S_ISREG(status.st_mode)) return std::unexpected(path + ": it is no file");
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return Ledger{path, {}};
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) return problem();
  return Ledger{path, {static_cast<const char*>(memory), size}};
}

int wrong(const std::string& what) {
  std::fprintf(stderr, "relais-verify: %s\n", what.c_str());
  return 2;
}

int verify(const std::string& sent_path, const std::string& received_path, bool json) {
  const auto sent = map_ledger(sent_path);
  if (!sent) return wrong(sent.error());
  const auto received = map_ledger(received_path);
  if (!received) return wrong(received.error());
  const auto comparison = relais::ledger::compare(*sent, *received);
  if (!comparison) return wrong(comparison.error());
  const std::string text = json ? relais::ledger::comparison_json(*comparison)
                                : relais::ledger::comparison_table(*comparison);
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    wrong("standard output could not be written");
    return 1;
  }
  return comparison->good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "relais-verify: has all that relais-load was told 250 for come to relais-sink, once "
      "and undamaged? Exit status 1 if not",
      "relais-verify"};
  app.set_version_flag("--version", "relais-verify " RELAIS_VERSION);
  std::string sent;
  std::string received;
  bool json = false;
  app.add_option("SENT", sent, "the ledger of relais-load")->required();
  app.add_option("RECEIVED", received, "the ledger of relais-sink")->required();
  app.add_flag("--json", json, "as one JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help
  } catch (const CLI::Error& error) {
    return wrong(std::string(error.what()) + ". See relais-verify --help");
  }
  return verify(sent, received, json);
}
