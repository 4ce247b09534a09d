// TLS of one connection, sans I/O: ciphertext in, plaintext out, and the other way around; for a
// server (STARTTLS or implicit) and for a client. Knows no socket and no SMTP.
//
//   Stream stream(server_context);              or (client_context, "mx.contoso.com", session)
//   for (;;) {
//     Event e = stream.next(memory);            // the client's first call makes its hello
//     if (e.kind == kNeedInput) { if there is input: stream.feed(ciphertext); else break; }
//     if (e.kind == kPlaintext) use(memory.first(e.octets));
//     ...
//   }
//   stream.write(plaintext);                    // once it is open
//   send(stream.output()); stream.output_consumed(n);      after every feed, next or write
//
// Input is lent and never copied outside of OpenSSL; plaintext lands in memory of the caller, where
// kRecordMax octets hold any record. A peer can make a stream fail, never an ASSERT. After kFailed
// and close() nothing is written any more, and input is thrown away; what output() then still has
// is TLS's own farewell (an alert), never plaintext. The peer's close_notify ends its direction
// alone (RFC 8446 6.1): we may go on writing, and say ours by close(). The end of the connection
// without close_notify is the caller's to see.
//
// Limits: beyond Wire::kUnaskedMax octets that a peer has provoked and not read, the stream fails.
// An idle stream holds no buffers; in the middle of a record it holds one of 16 KiB. It may move
// to another thread between two calls.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tls/peer_certificate.h"
#include "tls/record_secrets.h"
#include "tls/session.h"
#include "tls/traffic.h"
#include "tls/wire.h"

struct ssl_st;

namespace relais::tls {

class ClientContext;
class ServerContext;

inline constexpr size_t kRecordMax = 16'384;  // plaintext of one record (RFC 8446 5.1)

struct Event {
  enum class Kind : uint8_t {
    kNeedInput,  // all fed bytes are used up, and no plaintext is left
    kOpened,     // the handshake is done (once)
    kPlaintext,  // `octets` at the beginning of the caller's memory
    kEnded,      // close_notify from the peer, which waits for ours; or close() was called
    kFailed,     // failure() says why
  };
  Kind kind = Kind::kNeedInput;
  size_t octets = 0;
};

class Stream {
 public:
  enum class State : uint8_t {
    kHandshake,
    kOpen,
    kPeerEnded,  // nothing more comes, but write() still works
    kClosed,
    kFailed,
  };

  // As the server.
  explicit Stream(std::shared_ptr<const ServerContext> context);
  // As the client of `host`, a name or an address: it is asked for by name, and where the context
  // verifies the certificate must be for it.
  Stream(std::shared_ptr<const ClientContext> context, std::string host,
         const Session& session = {});
  ~Stream();
  Stream(const Stream&) = delete;  // OpenSSL holds pointers into it
  Stream& operator=(const Stream&) = delete;

  // Lends ciphertext; it must stay valid until next() has returned kNeedInput, kEnded or kFailed.
  // Only when the last input is used up (needs_input()).
  void feed(std::span<const char> ciphertext);
  [[nodiscard]] bool needs_input() const { return wire_.input.empty(); }
  // Goes on as far as one event. `memory` (not empty) is written to for kPlaintext alone: as many
  // records as are there and fit.
  [[nodiscard]] Event next(std::span<char> memory);

  // Encrypts it all, behind what is in output(). False: the stream is not writable(), nothing was
  // written.
  [[nodiscard]] bool write(std::string_view plaintext);
  [[nodiscard]] bool writable() const {
    return state_ == State::kOpen || state_ == State::kPeerEnded;
  }
  // Queues close_notify, if the stream is writable(); then next() says kEnded.
  void close();

  // Ciphertext that waits to be sent, oldest first. The caller may also take the string by swap.
  [[nodiscard]] std::string_view output() const { return wire_.output; }
  [[nodiscard]] std::string& output_buffer() { return wire_.output; }
  void output_consumed(size_t octets);

  [[nodiscard]] State state() const { return state_; }
  // A server's, in the handshake: the next step may be a long one, with a signature, a key exchange
  // or a certificate of the peer's. Short is the one behind our Finished, with none awaited.
  [[nodiscard]] bool long_step_ahead() const;
  // Why it failed, in OpenSSL's words ("wrong version number"); empty: it did not.
  [[nodiscard]] const std::string& failure() const { return failure_; }

  // ---- from kOpened on
  [[nodiscard]] std::string_view version() const;  // "TLSv1.3"
  [[nodiscard]] std::string_view cipher() const;   // "TLS_AES_128_GCM_SHA256" (IANA)
  [[nodiscard]] int bits() const;                  // of the cipher's key
  [[nodiscard]] bool resumed() const;
  // What the client asked for (a server's view). The peer's word, but letters, digits, '-', '_' and
  // '.' only; else empty.
  [[nodiscard]] std::string_view server_name() const;
  [[nodiscard]] std::optional<PeerCertificate> peer_certificate() const;
  // A client's: the newest ticket, which comes at some time after kOpened, at once with TLS 1.2.
  // Empty: none since the last call. One ticket may serve many connections.
  [[nodiscard]] Session take_session();

  // ---- records by the kernel. A server's, where its context says so.
  // Nothing is half through in either direction, as far as the stream has seen it: with its output
  // sent, and no other input read from the socket, the kernel may go on from here.
  [[nodiscard]] bool can_be_handed_over() const;
  struct HandedOver {
    RecordKey receive;
    RecordKey send;
    std::unique_ptr<Traffic> traffic;  // null: it cannot be
  };
  // Where it can_be_handed_over(); once. The stream must receive nothing any more where the kernel
  // does; it may go on sending.
  [[nodiscard]] HandedOver hand_over();
  // Of a stream that only sends, TLS 1.3: says KeyUpdate and goes on with another key.
  void renew_send_key();

  // Asserts what must hold between calls. Called by tests after each step.
  void invariants() const;

  // OpenSSL's callbacks; of ClientContext, and of ServerContext.
  static int on_new_session(ssl_st* ssl, ssl_session_st* session);
  static void on_key_log(const ssl_st* ssl, const char* line);

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  void attach();
  Event shake_hands();
  Event read(std::span<char> memory);
  [[nodiscard]] Event stopped(int result);
  void fail(std::string why);
  void keep_secrets();
  void drop_secrets();

  Wire wire_;                               // before ssl_, whose BIO points to it
  std::unique_ptr<RecordSecrets> secrets_;  // null: OpenSSL does it all
  std::shared_ptr<const ServerContext> server_;
  std::shared_ptr<const ClientContext> client_;
  std::unique_ptr<ssl_st, Free> ssl_;
  State state_ = State::kHandshake;
  std::string failure_;
  std::string host_;
  std::shared_ptr<ssl_session_st> session_;
};

}  // namespace relais::tls
