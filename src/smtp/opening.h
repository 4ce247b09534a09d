// What a client says between a server's hello and the first transaction: STARTTLS (RFC 3207), then
// XCLIENT (xclient.h) or AUTH PLAIN or LOGIN (RFC 4954), as its options want it.
// Both clients have one (client.h, stream_client.h): replies in, the next thing to say out. What a
// server said before TLS or XCLIENT counts no more; what it says before it may makes it unusable
// (CVE-2011-0411, seen from this side). A password is in nothing but what is to be said. Nothing
// that a server says can fail an ASSERT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/hop_commands.h"
#include "smtp/peer_reply.h"
#include "smtp/xclient.h"

namespace relais::smtp {

struct Credentials;  // auth_exchange.h

enum class StartTls : uint8_t {
  kNever,
  kIfOffered,  // in the clear where it is not offered or refused
  kRequired,   // unusable there
};

struct ClientOptions {
  std::string ehlo_name = "localhost";
  bool chunking = true;  // BDAT for all content, where it is offered; else only for what needs it
  StartTls start_tls = StartTls::kNever;
  bool in_tls = false;                       // already in front of the greeting (port 465)
  const Credentials* credentials = nullptr;  // outlive the client; null: no AUTH
  bool auth_in_clear = false;                // AUTH also without TLS, where the server offers it
  bool needs_xclient = false;                // unusable where it is not offered
  std::optional<NamedClient> client{};       // whom XCLIENT names; nobody: it is not said
  bool proves_itself = false;  // there is no TLS but with the server that is meant (REQUIRETLS)
};

// What a server was unusable for.
enum class OpeningStage : uint8_t {
  kSession,
  kTls,      // it does not do STARTTLS, and must
  kXclient,  // it does not do XCLIENT, and must (code 0), or not for this client
  kAuth,     // it does not let us log on; the reply never repeats our password
};

class Opening {
 public:
  struct Step {
    enum class Kind : uint8_t {
      kSay,       // `text`, a line without its end; on_reply() with the answer
      kStartTls,  // TLS begins; tls_started() when the handshake is done
      kHello,     // EHLO comes again, with the name in `text`, or empty: as before; and what was
                  // known of the server is forgotten
      kReady,
      kUnusable,  // `reply`, code 0 when there was none; `stage`
    };
    Kind kind = Kind::kReady;
    std::string text{};
    PeerReply reply{};  // of the last call, or of static text
    OpeningStage stage = OpeningStage::kSession;
  };

  explicit Opening(const ClientOptions& options);

  // Behind each hello that was accepted. `more`: something stands behind the reply already.
  [[nodiscard]] Step on_hello(const PeerReply& reply, Extensions& offered, bool more);
  [[nodiscard]] Step on_reply(const PeerReply& reply, const Extensions& offered, bool more);
  // XCLIENT has left: what is refused from there on, is refused to the client that it names.
  [[nodiscard]] bool named() const { return named_; }
  // EHLO comes next (RFC 3207 section 4.2).
  void tls_started();
  [[nodiscard]] bool in_handshake() const { return await_ == Await::kHandshake; }

 private:
  enum class Await : uint8_t {
    kNothing,
    kStartTls,
    kHandshake,  // no reply: tls_started() is due
    kXclient,
    kAuthPlain,     // the prompt for name and password
    kAuthUser,      // ... of LOGIN, for the name
    kAuthPassword,  // ... for the password
    kAuth,          // whether we are who we say
  };
  Step say(std::string text, Await await);
  Step on_start_tls(const PeerReply& reply, const Extensions& offered, bool more);
  Step name_client(const PeerReply& reply, const Extensions& offered);
  Step log_on(const PeerReply& reply, const Extensions& offered);
  Step on_named(const PeerReply& reply);
  Step on_auth(const PeerReply& reply);
  Step ready(const PeerReply& reply);
  [[nodiscard]] std::string plain_response() const;
  [[nodiscard]] PeerReply without_secrets(const PeerReply& reply) const;

  StartTls start_tls_;
  bool in_tls_;
  const Credentials* credentials_;
  bool auth_in_clear_;
  bool needs_xclient_;
  std::optional<NamedClient> client_;
  bool proves_itself_;
  bool named_ = false;
  Await await_ = Await::kNothing;
};

}  // namespace relais::smtp
