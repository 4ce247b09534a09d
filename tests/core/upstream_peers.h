// The two ends of simulated proxy mode: clients that send mail and hear every reply exactly, and
// upstreams that take it, or misbehave; both written by hand and not with our own protocol code.
// The book between them knows what each upstream has stored, and complains of a client that was
// told something that is not so.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "core/peer_tls.h"
#include "simulation/sim_peer.h"
#include "simulation/sim_world.h"

namespace relais::straight_test {

// What was sent and what has arrived.
class Book {
 public:
  struct Sent {
    std::string content;  // not dot-stuffed
    bool acknowledged = false;
    // By each upstream that has it, for whom; in the order of their RCPT.
    std::vector<std::vector<std::string>> stored;
  };

  uint64_t create(Prng& prng);
  // Of a client, and no other one's.
  std::string name() { return "client" + std::to_string(names_++) + ".example"; }
  [[nodiscard]] const Sent& at(uint64_t id) const { return sent_.at(id); }
  // By the mark in its content. 0: none.
  [[nodiscard]] static uint64_t id_in(std::string_view content);
  // An upstream has said yes to it, or was about to.
  void store(std::string_view content, const std::vector<std::string>& recipients);
  // A client was told so.
  void acknowledge(uint64_t id, const std::vector<std::string>& accepted);
  void complain(std::string text);

  uint32_t acknowledged = 0;
  uint32_t refused = 0;   // messages that a client was told to keep
  std::string complaint;  // the first; empty: all is well

 private:
  std::map<uint64_t, Sent> sent_;
  uint64_t next_ = 1;
  uint64_t names_ = 0;
};

// Recipients whose local part begins so are refused by every upstream.
inline constexpr std::string_view kNobody = "nobody";

// What an upstream may do instead of what it ought to.
enum class Mischief : uint8_t {
  kLater,          // 451
  kRefuse,         // 550
  kClosing,        // 421, and closes
  kClose,          // closes without a word
  kReset,          // resets
  kSilent,         // says nothing more, and reads nothing more
  kSlow,           // the right answer, 1 s later, and all that follows with it
  kWrongCode,      // a 2xx or 3xx that answers nothing here
  kTwice,          // the right answer, twice
  kTwiceLater,     // ... the second one a little later
  kGarbage,        // octets that are no reply
  kEndless,        // a line, or a reply, without an end
  kBehind,         // the right answer, and something behind it in the same breath
  kStoreAndClose,  // at the end of data: it has the message, and nobody hears of it
  kEarlyNo,        // within content: 552, and content goes on being read
  kEarlyYes,       // within content: 250
  kYesAndClose,    // ... and then it reads nothing more of it, and closes
  kTlsNonsense,    // where the handshake begins: octets that are none
  kTlsCut,         // ... or the end of the connection
  kTlsStranger,    // ... or one of another host
};
inline constexpr size_t kMischiefs = static_cast<size_t>(Mischief::kTlsStranger) + 1;
inline constexpr size_t kMischiefsInClear = static_cast<size_t>(Mischief::kTlsNonsense);

// What an upstream has of TLS, and what it may expect of who connects; no context: nothing.
struct UpstreamTls {
  std::shared_ptr<const tls::ServerContext> context = {};
  std::shared_ptr<const tls::ServerContext> stranger = {};  // of kTlsStranger
  bool implicit = false;                                    // with the first octet
  bool required = false;  // nobody speaks of mail, or gives a password, but to itself and in TLS
  bool logon = false;     // ... or gives mail without having logged on
};

// How upstreams are; shared by their connections, may change in mid-run.
struct Manner {
  std::array<uint32_t, kMischiefs> one_in{};  // commands (or lines of content); 0: never
  bool pipelining = true;
  bool chunking = false;
  bool xclient = false;   // is offered
  bool named = false;     // nobody's mail comes over a connection that does not say whose it is
  bool start_tls = true;  // is offered, where there is any
  bool tls_due = false;   // nothing stands against it, so it is used

  [[nodiscard]] bool ever(Mischief mischief) const {
    return one_in[static_cast<size_t>(mischief)] != 0;
  }
};

class Upstream final : public simulation::SimPeer {
 public:
  Upstream(Book& book, const Manner& manner, Prng& prng, const UpstreamTls& tls)
      : book_(book), manner_(manner), prng_(prng), tls_(tls) {}
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_timer(uint64_t what) override;

 private:
  enum class At : uint8_t {
    kGreeting,
    kHello,
    kMail,
    kRecipient,
    kData,
    kChunk,
    kEnd,
    kStartTls,
    kLogon,
    kOther
  };
  enum class Did : uint8_t { kNothing, kInstead, kGoodToo };
  // What it may do at the place of the good answer.
  Did mischief(At at, const std::string& good);
  void answer(At at, const std::string& good);
  [[nodiscard]] bool does(Mischief mischief);
  void say(std::string_view text);
  void say_later(std::string_view text);
  void start_tls();
  void shake_hands();
  void decrypt(std::string_view bytes);
  void leave();
  void work();
  [[nodiscard]] bool take_content();
  void on_command(std::string_view line);
  void on_hello();
  void on_logon(std::string_view line);
  void on_xclient(std::string_view line);
  void on_mail(std::string_view line);
  void on_content_line(std::string_view line);
  [[nodiscard]] bool is_more_to_come_than(size_t octets) const;
  [[nodiscard]] bool says_yes_and_closes();
  void on_message();
  void forget();

  Book& book_;
  const Manner& manner_;
  Prng& prng_;
  const UpstreamTls& tls_;
  test::PeerTls stream_;
  bool stranger_ = false;  // has shown a certificate of another host
  bool greeted_ = false;
  bool logged_on_ = false;
  std::string buffer_;
  std::string delayed_;  // octets that wait for the timer
  bool slow_ = false;    // all answers do
  bool dead_ = false;
  bool early_ = false;  // has spoken within content
  bool mailed_ = false;
  bool chunking_offered_ = false;
  bool xclient_offered_ = false;
  std::string named_;  // the HELO of XCLIENT
  std::vector<std::string> recipients_;
  std::string content_;
  bool in_data_ = false;
  uint64_t chunk_left_ = 0;
  bool chunk_last_ = false;
  bool in_chunk_ = false;
};

// Sends messages over one connection, one after the other, and holds every reply against what it
// can be an answer to. Some messages are given up half way.
class Sender final : public simulation::SimPeer {
 public:
  struct Habits {
    uint32_t count = 1;
    bool pipelined = false;
    bool chunks = false;
    uint32_t gives_up = 0;  // one in so many messages, in the envelope or within content
    // Replies name the recipient, so that order can be seen; not where upstreams answer twice.
    bool exact = true;
  };
  Sender(Book& book, Prng& prng, const Habits& habits)
      : book_(book), prng_(prng), habits_(habits), name_(book.name()), left_(habits.count) {}
  void on_bytes(std::string_view bytes) override;
  void on_closed(bool reset) override;
  void on_refused(Error) override { done_ = true; }
  [[nodiscard]] bool done() const { return done_; }

 private:
  enum class Step : uint8_t {
    kGreeting,
    kHello,
    kMail,
    kRecipient,
    kData,
    kReset,
    kChunk,
    kContent,
    kQuit
  };
  void on_reply(uint16_t code, std::string_view text);
  void on_envelope_reply(uint16_t code, std::string_view text);
  void on_verdict(uint16_t code);
  void next_message();
  void envelope_is_done();
  void give_up();
  void send_content();
  void wrong(std::string_view what, uint16_t code, std::string_view text);

  Book& book_;
  Prng& prng_;
  Habits habits_;
  std::string name_;  // in EHLO, and behind the @ of its senders
  uint32_t left_;
  bool done_ = false;
  bool mail_refused_ = false;
  std::string buffer_;
  Step step_ = Step::kGreeting;
  uint64_t id_ = 0;
  std::vector<std::string> recipients_;
  std::vector<std::string> accepted_;
  size_t answered_ = 0;
  uint32_t chunks_left_ = 0;
};

}  // namespace relais::straight_test
