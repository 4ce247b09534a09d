// One outbound connection: the state that joins ring, smtp client and spool. Data only; SmartHosts
// moves it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/slab.h"
#include "ring/timer_wheel.h"
#include "smtp/client.h"
#include "smtp/dot_unstuffing.h"
#include "spool/block_pool.h"
#include "tls/stream.h"

namespace relais::relay {

// TLS of a connection, from its first octet or from the answer to STARTTLS on.
struct HopTls {
  HopTls(std::shared_ptr<const tls::ClientContext> context, std::string name,
         const tls::Session& tickets)
      : stream(std::move(context), std::move(name), tickets) {}
  tls::Stream stream;
  bool answered = false;   // the next hop has said something inside
  std::string ciphertext;  // of the send under way
};

struct HopSession {
  HopSession(const smtp::ClientOptions& options, uint32_t route_index, uint32_t host_index)
      : route(route_index), host(host_index), client(options) {}

  uint32_t route;
  uint32_t host;
  int fd = -1;
  smtp::Client client;
  std::unique_ptr<HopTls> tls;  // null: in the clear
  sockaddr_storage address{};
  ring::TimerId timer;
  Instant last_input;
  Instant begun;                 // the youngest job
  uint32_t taken = 0;            // jobs begun on this connection
  uint32_t failures_before = 0;  // of the host, when this one was opened

  // ---- operations under way
  bool connecting = false;
  bool receiving = false;
  bool parked = false;
  bool sending = false;
  bool ready = false;     // hello is done
  bool answered = false;  // and a command of a transaction was answered
  bool quitting = false;
  bool closing = false;
  bool peer_gone = false;      // whatever is sent, nobody reads it
  bool logon_refused = false;  // for good, as far as the next hop knows

  // ---- jobs, oldest first; at most two (smtp/client.h)
  std::deque<Handle> jobs;
  bool content_wanted = false;  // of the oldest job
  bool content_empty = false;   // ... only the final dot: no recipient was accepted
  bool content_out = false;     // the oldest job's final dot has left
  uint32_t next_chunk = 0;
  smtp::DotUnstuffing unstuffing;  // of content that goes out with BDAT
  bool reading = false;            // next_chunk is being read from the log
  std::vector<uint32_t> coming;    // all that are, in advance

  // ---- the send under way: commands, pieces of content, commands
  std::string before;
  std::string after;
  std::string chunk;               // BDAT in front of the content
  std::deque<std::string> copies;  // pieces that had dots to lose
  std::vector<iovec> vectors;
  size_t first_vector = 0;
  msghdr header{};
  std::vector<spool::BlockId> pinned;
};

}  // namespace relais::relay
