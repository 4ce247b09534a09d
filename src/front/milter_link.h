// A connection to a milter, and what one SMTP message has to say to it. Data only; Milters moves
// them.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/slab.h"
#include "milter/client.h"
#include "ring/timer_wheel.h"

namespace relais::front {

// Who and what a milter is asked about. Owned: it may have to wait for a connection.
struct MilterRequest {
  Handle session;
  uint32_t hellos = 0;  // a session that says EHLO again is introduced again
  Endpoint remote;
  Endpoint local;
  std::string hello;
  std::string fqdn;
  std::string connector;
  std::string sender;
  std::string id;
  uint64_t size = 0;
  bool eight_bit = false;
  Duration timeout = seconds(30);
};

// From MAIL to the end of one message.
struct MilterTalk {
  MilterTalk(uint32_t pool_index, MilterRequest what)
      : pool(pool_index), request(std::move(what)) {}

  uint32_t pool;
  MilterRequest request;
  Handle link;            // null: it waits for one, or has lost it
  bool asking = false;    // the session waits for an answer
  bool ending = false;    // ... to the end of data
  bool beginning = true;  // nothing has been answered: it can start again elsewhere
  bool retried = false;
  bool full = false;    // the session was told to wait, too much is queued
  std::string trouble;  // why the milter cannot be asked any more; empty: it can
  Instant due;          // 0: nothing is waited for
  ring::TimerId timer;
};

struct MilterLink {
  MilterLink(uint32_t pool_index, int descriptor) : pool(pool_index), fd(descriptor) {}

  uint32_t pool;
  int fd;
  milter::Client client;
  sockaddr_storage address{};

  // ---- operations under way
  bool connecting = false;
  bool receiving = false;
  bool sending = false;
  bool closing = false;
  bool quitting = false;  // closes when QUIT has left
  bool dirty = false;     // is in the list of those to be sent from
  std::string out;        // under way
  size_t out_sent = 0;

  // ---- whom it serves
  Handle talk;  // null: idle
  Handle served;
  uint32_t served_hellos = 0;
  uint32_t messages = 0;
  bool introduced_again = false;  // this message's SMTP client came after another one ...
  bool heard = true;              // ... and the milter has answered since
  Instant idle_since;
  ring::TimerId timer;  // while idle; looked at when it fires
};

}  // namespace relais::front
