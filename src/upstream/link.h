// A connection to an upstream, and what one message that is still coming in wants of it. Data only;
// Upstreams moves them.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/slab.h"
#include "ring/timer_wheel.h"
#include "smtp/stream_client.h"
#include "smtp/xclient.h"
#include "tls/session.h"
#include "tls/stream.h"
#include "upstream/target.h"

namespace relais::upstream {

// What MAIL says. Owned: it may have to wait for a connection, and be said again on another one.
struct Mail {
  std::string sender;
  uint64_t size = 0;
  bool eight_bit = false;
  bool binary = false;
  bool utf8 = false;
  smtp::DsnReturn ret = smtp::DsnReturn::kUnspecified;
  std::string envid;
  smtp::NamedClient client;  // whose mail it is, where the way names clients

  [[nodiscard]] smtp::MailCommand command() const {
    return {.sender = sender,
            .size = size,
            .eight_bit = eight_bit,
            .binary = binary,
            .utf8 = utf8,
            .ret = ret,
            .envid = envid};
  }
};

// From MAIL to the end of one message.
struct Talk {
  Talk(uint32_t pool_index, Handle whose, Mail what)
      : pool(pool_index), owner(whose), mail(std::move(what)) {}

  enum class Asked : uint8_t { kNothing, kPlace, kRecipient, kData, kEnd };
  struct Recipient {
    std::string address;
    uint8_t notify = 0;
    std::string orcpt;
  };

  uint32_t pool;
  Handle owner;
  Mail mail;
  Handle link;        // null: it waits for one, or has lost it
  uint32_t host = 0;  // that has it, or had it last
  Asked asked = Asked::kNothing;
  bool begun = false;    // MAIL was given to the link
  bool content = false;  // some has been given: it cannot begin again
  bool over = false;     // the upstream has given its verdict about it
  bool retried = false;  // on a fresh connection, behind one that was no longer there
  bool full = false;     // its owner was told to wait, too much is queued
  uint64_t tried = 0;    // hosts that failed it, bit by bit
  std::vector<Recipient> unanswered;
  std::string front;        // content that waits for some more of it
  uint16_t early_code = 0;  // the upstream's verdict came before the end of data; 0: it did not
  std::string early_text;
  std::string trouble;  // why no upstream has it any more; empty: one has, or may get it
  Instant due;          // while it waits for a connection
  ring::TimerId timer;

  bool without_dsn = false;  // the upstream does not offer DSN
};

// TLS of a connection, from the answer to STARTTLS on, or from the first octet.
struct LinkTls {
  LinkTls(std::shared_ptr<const tls::ClientContext> context, std::string name,
          const tls::Session& tickets)
      : stream(std::move(context), std::move(name), tickets) {}
  tls::Stream stream;
  bool answered = false;  // the upstream has said something inside
};

struct Link {
  Link(uint32_t pool_index, uint32_t host_index, int descriptor, const smtp::ClientOptions& options)
      : pool(pool_index), host(host_index), fd(descriptor), client(options) {}

  uint32_t pool;
  uint32_t host;
  int fd;
  smtp::StreamClient client;
  std::unique_ptr<LinkTls> tls;  // null: in the clear
  sockaddr_storage address{};

  // ---- operations under way
  bool connecting = false;
  bool receiving = false;
  bool parked = false;
  bool sending = false;
  bool closing = false;
  bool greeted = false;  // hello is done
  bool quitting = false;
  bool dirty = false;  // is in the list of those to be sent from
  std::string out;     // under way
  size_t out_sent = 0;
  std::string send_error;  // not empty: nothing can be sent any more, and this is why
  bool taken = false;      // 250 has come to the end of data, while some of it is still being sent
  std::string taken_text;  // ... in these words

  std::optional<smtp::NamedClient> names;  // the client in its PROXY header, or for XCLIENT

  // ---- whom it serves
  Handle talk;  // null: idle, or a trial
  uint32_t messages = 0;
  Instant idle_since;
  Instant due;       // a reply, or progress; 0: nothing is waited for
  Instant timer_at;  // when `timer` fires
  ring::TimerId timer;
};

}  // namespace relais::upstream
