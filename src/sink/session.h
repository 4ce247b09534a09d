// One client of the sink. Its steps are in session_io.cpp (octets), session_act.cpp (dialogue and
// rules) and session_tls.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ledger/message_reading.h"
#include "ring/loop.h"
#include "sink/behaviour.h"
#include "smtp/dot_unstuffing.h"
#include "smtp/server.h"
#include "tls/stream.h"

namespace relais::sink {

// A receive buffer that is ours for a while.
struct Lent {
  uint16_t buffer = 0;
  uint32_t octets = 0;
};

struct SessionTls {
  explicit SessionTls(std::shared_ptr<const tls::ServerContext> context)
      : stream(std::move(context)) {}
  tls::Stream stream;
  std::string plain;  // what was said before TLS, and still waits
  std::unique_ptr<char[]> memory;
  bool ended = false;
};

struct Session {
  // Why the dialogue waits.
  enum class Held : uint8_t { kNothing, kBanner, kCommand, kContent, kEnd, kReading };

  Session(int descriptor, const smtp::ServerOptions& options, std::string peer)
      : fd(descriptor), client(std::move(peer)), server(options, client) {}

  int fd;
  std::string client;
  smtp::Server server;

  ledger::MessageReading message;
  smtp::DotUnstuffing dots;
  bool in_content = false;

  Act act;  // of the command or message in work
  Held held = Held::kNothing;
  bool read_paid = false;  // the pause before this receive buffer is over
  ring::TimerId hold_timer;
  Duration tarpit;  // between two octets of a reply
  ring::TimerId drip_timer;

  std::vector<Lent> input;
  bool fed = false;  // the first of them is the server's, or TLS's
  std::string out;
  size_t out_sent = 0;
  std::unique_ptr<SessionTls> tls;

  bool receiving = false;
  bool parked = false;  // it waits for buffers
  bool sending = false;
  bool peer_done = false;
  bool finishing = false;  // what waits goes out, then it is closed
  bool closing = false;
};

}  // namespace relais::sink
