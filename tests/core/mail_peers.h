// The two ends of a simulated relay: clients that submit mail and a next hop that takes it, both
// written by hand and not with our own protocol code, and the ledger that both write to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "core/client_tls.h"
#include "core/peer_tls.h"
#include "simulation/sim_peer.h"
#include "simulation/sim_world.h"

namespace relais::test {

struct Mail {
  std::vector<std::string> recipients;
  std::string content;                      // as submitted, not dot-stuffed
  std::string tls;                          // how it was submitted; empty: in the clear
  bool acknowledged = false;                // a client saw 250 for it
  std::map<std::string, uint32_t> arrived;  // at the sink, by recipient
  std::map<std::string, uint32_t> told;     // notifications to the sender, by failed recipient
};

class Ledger {
 public:
  // A new message with random recipients and content.
  uint64_t create(Prng& prng);
  Mail& at(uint64_t id) { return mails_.at(id); }
  // By the mark in its content. 0: none.
  [[nodiscard]] static uint64_t id_in(std::string_view content);
  std::map<uint64_t, Mail>& all() { return mails_; }
  // What a next hop received for one recipient. Complains unless it is the content under one
  // Received field, or a notification to the sender.
  void arrive(std::string_view recipient, std::string_view received);

  uint32_t acknowledged = 0;
  std::string complaint;  // empty: all is well

 private:
  void note_notification(uint64_t id, Mail& mail, std::string_view text);

  std::map<uint64_t, Mail> mails_;
  uint64_t next_ = 1;
};

inline constexpr std::string_view kSender = "sender@contoso.example";
// Recipients whose local part begins so are refused for good by the sink.
inline constexpr std::string_view kRefused = "refused";
// Mail for this domain goes to the Maildir.
inline constexpr std::string_view kLocalDomain = "local.example";

// How the sink behaves; shared by all its connections, may change in mid-run. One in so many; 0:
// never.
struct SinkManner {
  uint32_t recipient_later = 0;  // 451 to RCPT
  uint32_t message_later = 0;    // 451 to the final dot
  uint32_t close_in_data = 0;
  uint32_t close_before_reply = 0;  // after the final dot; the message counts as arrived
  bool pipelining = true;
  uint32_t tls_refused = 0;   // 454 to STARTTLS
  uint32_t tls_nonsense = 0;  // what is no TLS, for the handshake
  uint32_t tls_cut = 0;       // the end of the connection, in the handshake
  uint32_t logon_later = 0;   // 454 to AUTH
};

// What a sink has of TLS; null context: nothing.
struct SinkTls {
  std::shared_ptr<const tls::ServerContext> context = {};
  bool required = false;  // mail in the clear, or of who has not logged on, is complained of
};

class Sink final : public simulation::SimPeer {
 public:
  Sink(Ledger& ledger, const SinkManner& manner, Prng& prng, SinkTls tls = {})
      : ledger_(ledger), manner_(manner), prng_(prng), tls_(std::move(tls)) {}
  void on_connected() override { say("220 sink ready\r\n"); }
  void on_bytes(std::string_view bytes) override;

 private:
  void on_line(std::string_view line);
  void on_command(std::string_view line);
  void on_end_of_data();
  void start_tls();
  void say(std::string_view text);
  void leave();
  [[nodiscard]] std::string extensions() const;

  Ledger& ledger_;
  const SinkManner& manner_;
  Prng& prng_;
  SinkTls tls_;
  PeerTls stream_;
  bool logged_on_ = false;
  std::string buffer_;
  bool in_data_ = false;
  bool gone_ = false;
  std::vector<std::string> recipients_;
  std::string content_;
};

class Submitter final : public simulation::SimPeer {
 public:
  // Submits `count` new messages over one connection, then QUIT. `pipelined`: envelopes in one go,
  // and NOOPs right behind the content. `secured`: in TLS.
  Submitter(Ledger& ledger, Prng& prng, uint32_t count, bool pipelined, bool secured = false)
      : ledger_(ledger), prng_(prng), left_(count), pipelined_(pipelined), secured_(secured) {}
  void on_bytes(std::string_view bytes) override;
  void on_closed(bool reset) override;
  void on_refused(Error) override { done_ = true; }
  [[nodiscard]] bool done() const { return done_; }

 private:
  void on_reply(uint16_t code);
  // In TLS, where that has begun.
  void say(std::string_view text);
  void hear_tls(std::string_view bytes);
  void leave();
  void next_message();
  void send_content();

  enum class Step : uint8_t {
    kGreeting,
    kHello,
    kStartTls,
    kHandshake,
    kMail,
    kRecipient,
    kData,
    kReset,
    kContent,
    kNoops,
    kQuit,
    kEnd
  };
  Ledger& ledger_;
  Prng& prng_;
  uint32_t left_;
  bool pipelined_;
  bool secured_;
  std::unique_ptr<ClientTls> tls_;
  bool done_ = false;
  std::string buffer_;
  Step step_ = Step::kGreeting;
  uint64_t id_ = 0;
  size_t recipient_ = 0;
  size_t accepted_ = 0;
  uint64_t noops_ = 0;  // sent behind the content, and not answered yet
};

}  // namespace relais::test
