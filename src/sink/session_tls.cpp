// TLS of a session: between the receive buffers and the server on the way in, between the server
// and the send on the way out.
#include "sink/sink.h"

namespace relais::sink {

// Behind STARTTLS, whose 220 is queued, or at once.
void Sink::begin_tls(Session& session) {
  // All that has come by now was sent in the clear: it is nobody's.
  drop_input(session);
  session.tls = std::make_unique<SessionTls>(shared_.tls);
  std::swap(session.tls->plain, session.server.output_buffer());
}

// The next plaintext to the server. False: there is none.
bool Sink::feed_plaintext(Session& session) {
  SessionTls& tls = *session.tls;
  for (;;) {
    if (tls.memory == nullptr) tls.memory = std::make_unique_for_overwrite<char[]>(tls::kRecordMax);
    const tls::Event event = tls.stream.next({tls.memory.get(), tls::kRecordMax});
    switch (event.kind) {
      case tls::Event::Kind::kOpened:
        session.server.tls_started();
        if (options().tls_at_once) begin_dialogue(session);
        break;
      case tls::Event::Kind::kPlaintext:
        session.server.feed({tls.memory.get(), event.octets});
        return true;
      case tls::Event::Kind::kNeedInput:
        if (session.fed) take_back(session);
        if (session.input.empty()) return false;
        session.fed = true;
        tls.stream.feed(front_of(session));
        break;
      case tls::Event::Kind::kFailed:
        if (!tls.ended) figures_.tls_failures.add(1);
        [[fallthrough]];
      case tls::Event::Kind::kEnded:
        tls.ended = true;
        drop_input(session);
        session.finishing = true;
        return false;
    }
  }
}

// All of the server's output. Before the handshake is done there is none.
void Sink::encrypt(Session& session) {
  tls::Stream& stream = session.tls->stream;
  std::string& plain = session.server.output_buffer();
  if (!plain.empty()) (void)stream.write(plain);
  plain.clear();
  std::swap(session.out, stream.output_buffer());
}

}  // namespace relais::sink
