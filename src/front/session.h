// One inbound connection: the state that joins ring, smtp, policy and spool. Data only; the loop
// that moves it is Front (session_io.cpp: receive, feed, send, close; session_act.cpp: what each
// event means).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/guid.h"
#include "base/ip.h"
#include "base/slab.h"
#include "front/dialogue.h"
#include "front/serving_policy.h"
#include "policy/limit_set.h"
#include "ring/timer_wheel.h"
#include "smtp/server.h"
#include "tls/handshakes.h"
#include "tls/server_context.h"
#include "tls/stream.h"
#include "tls/traffic.h"

namespace relais::front {

// How long the peer of a closed session has to read our last reply and to close too.
constexpr Duration kLinger = seconds(2);

// A receive buffer that is lent to the session until its bytes are used up.
struct Lent {
  uint16_t buffer;
  uint32_t octets;
  uint32_t begin = 0;  // what stands before it was no SMTP
};

// Receive buffers that may wait in a session: beside the one it is at, another, so that it sees its
// client go.
constexpr size_t kInputMax = 2;
// Replies that may pile up for a client that does not read before its input waits; octets.
constexpr size_t kOutputMax = 32 * 1024;

// What of the server's questions waits for somebody else's answer.
enum class Asked : uint8_t { kNothing, kMail, kRecipient, kData, kEnd };

// What this session has to do with an upstream.
struct UpstreamUse {
  Handle talk;  // about this message; null: it goes to the queue, or there is none
  Asked asked = Asked::kNothing;
  bool full = false;  // it must be given no more content for now
};

// What this session has to do with its connector's milter.
struct MilterUse {
  Handle talk;                    // about this message; null: it is not asked
  Asked asked = Asked::kNothing;  // the server's question waits for the milter's answer
  bool full = false;              // it must be given no more content for now
  bool passed = false;            // it wants to see nothing of this SMTP session
  uint32_t hellos = 0;            // EHLO and HELO so far
};

// TLS of a session, from the STARTTLS that was answered on.
struct SessionTls {
  explicit SessionTls(std::shared_ptr<const tls::ServerContext> context)
      : stream(std::make_unique<tls::Stream>(std::move(context))) {}
  // Null: with a step that is away, or was at the end; or the kernel has it all.
  std::unique_ptr<tls::Stream> stream;
  std::shared_ptr<tls::Step> away;  // of the handshake, on another thread; null: none
  std::optional<tls::Event> came;   // of the step that is back
  std::vector<char> input;          // of that step; `stream` may still read in it
  bool implicit = false;   // from the first octet on: the greeting comes behind the handshake
  std::string plain;       // what was said before, and still goes out in the clear
  std::string no_partner;  // why the client is none, where certificates are asked for
  std::unique_ptr<char[]> memory;  // plaintext that the server reads: kRecordMax octets, or none
  bool fed = false;                // input[0] is lent to the stream
  bool ended = false;              // nothing more comes, or it has failed

  // ---- records by the kernel (session_records.cpp)
  std::unique_ptr<tls::Traffic> traffic;  // null: OpenSSL opens and makes them
  bool peer_ended = false;                // its close_notify has come
  bool end_said = false;                  // and ours has gone
  bool owes_key = false;                  // the peer wants another one of ours

  [[nodiscard]] bool kernel_opens() const { return traffic != nullptr; }
  [[nodiscard]] bool kernel_makes() const { return traffic != nullptr && stream == nullptr; }
};

// What goes with a session to another core as it is (moved_session.h).
struct Portable {
  uint32_t range = 0;  // of the connector's remote_ranges, the one that won
  Endpoint local;
  Endpoint remote;
  Endpoint via;  // the proxy that has named `remote`; port 0: it came itself
  Instant opened;
  Instant last_input;
  std::unique_ptr<SessionTls> tls;  // null: none
  std::string user;                 // who has authenticated, or is just trying to
  std::string partner;  // of domain_secure_domains, by the client's certificate; empty: none
  uint32_t limit_slot = 0;
  policy::Charges connection_charges;           // given back at its end
  const policy::LimitState* told_of = nullptr;  // the last limit that the log heard of
};

struct Session : Portable {
  Session(int descriptor, PolicyUse& use, uint32_t connector_index, std::string client_ip)
      : fd(descriptor),
        policy(&use),
        connector(connector_index),
        principal(receive_connector().session_principal()),
        client(std::move(client_ip)),
        server(use.policy->options(connector_index), client) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int fd;
  PolicyUse* policy;
  uint32_t connector;
  policy::Principal principal;
  std::string client;  // address as text; the server's greeting borrows it
  smtp::Server server;
  ring::TimerId timer;

  // ---- operations under way
  bool receiving = false;
  bool parked = false;  // it waits for receive buffers
  bool sending = false;

  // ---- how it ends
  bool peer_done = false;  // end of input, or a reset
  bool finishing = false;  // kClose was seen: send what is left, then half-close
  bool lingering = false;  // half-closed; waits for the peer to close too
  bool closing = false;    // operations are being cancelled, then the descriptor is closed
  bool has_quit = false;   // and nothing of it is unread: it needs no time to close

  // ---- bytes
  std::string carried;       // comes before `input`: what came on another core
  std::vector<Lent> input;   // [0] is fed to the server; empty at rest
  bool fed = false;          // `carried`, or input[0], is lent to the server
  bool interrupted = false;  // it has had its share of the turn and goes on at its end
  uint8_t looks = 0;         // without an end of input[0], while others wait for buffers
  std::string out;           // under way to the client
  size_t out_sent = 0;

  // ---- the message that is being taken
  Handle message;                // in the spool, or null
  bool write_failed = false;     // the spool gave it up: 451 at the end of data
  bool waits_for_space = false;  // `unwritten` comes first once the spool has memory
  std::string_view unwritten;    // body bytes of the server's last event
  Guid id;
  uint64_t content_octets = 0;
  bool uncharged_content = false;       // some has come, and the limits of bytes do not know
  policy::Charges message_charges;      // given back when it is not taken
  size_t charges_before_recipient = 0;  // of those, when RCPT was asked
  Instant mail_began;
  MilterUse milter;
  UpstreamUse upstream;

  // ---- AUTH
  policy::Charges auth_charges;                  // of the attempt that waits for its answer
  std::shared_ptr<std::atomic<bool>> auth_gone;  // set when nobody waits for it any more; or null

  // ---- limits
  Instant held_until{};    // replies and input wait until then; 0: they do not
  size_t free_output = 0;  // octets of the server's output that do not wait
  bool tarpitted = false;  // its errors wait

  // ---- which core (session_move.cpp)
  std::optional<uint16_t> leaves_for;  // it reads no more here
  Instant stays_until{};
  uint32_t seen_working = 0;  // of Placement

  std::unique_ptr<Dialogue> dialogue;  // null: nobody watches

  [[nodiscard]] bool held() const { return held_until.ns != 0; }
  [[nodiscard]] bool handshake_is_away() const { return tls != nullptr && tls->away != nullptr; }
  // Somebody has no room for more content now, or a limit wants it to be slower.
  [[nodiscard]] bool waits() const {
    return waits_for_space || milter.full || upstream.full || held();
  }
  [[nodiscard]] const policy::ReceiveConnector& receive_connector() const {
    return policy->policy->snapshot().connectors()[connector];
  }
  [[nodiscard]] Instant ends_at() const { return opened + receive_connector().connection_timeout; }
  [[nodiscard]] Instant idle_at() const {
    return last_input + receive_connector().connection_inactivity_timeout;
  }
  [[nodiscard]] Instant times_out_at() const { return std::min(ends_at(), idle_at()); }
};

// "version=TLSv1.3, cipher=TLS_AES_128_GCM_SHA256"; empty: in the clear.
[[nodiscard]] std::string tls_text(const Session& session);

}  // namespace relais::front
