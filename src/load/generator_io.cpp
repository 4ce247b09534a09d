// One connection's small loop: connect, receive, feed, act, send; and how it closes.
#include <string>
#include <utility>

#include "base/assert.h"
#include "load/generator.h"

namespace relais::load {
namespace {

// What a connection keeps for its next send.
constexpr size_t kCiphertextKept = size_t{64} << 10;

bool is_for_good(Error error) {
  return error == Error::kConnectionRefused || error == Error::kUnreachable ||
         error == Error::kPermission || error == Error::kAddressUnavailable;
}

std::string_view expected_at(Step step) {
  switch (step) {
    case Step::kBanner:
    case Step::kStartTls:
      return "220";
    case Step::kHello:
      return "250";
    case Step::kAuth:
      return "235";
    default:
      return {};
  }
}

// A reply behind which there is no session, for a person. One without a code is the dialogue's own
// words.
std::string obstacle(Step step, const smtp::PeerReply& reply) {
  std::string text = smtp::in_one_line(reply);
  if (reply.code == 0) return text;
  text = std::string(name_of(step)) + (step == Step::kBanner ? ": " : " was answered ") + text;
  if (const auto expected = expected_at(step); reply.code < 400 && !expected.empty())
    text.append("; ").append(expected).append(" is expected");
  return text;
}

// So that "connection reset" says of what.
std::string obstacle(Step step, std::string_view why) {
  if (step == Step::kConnect || step == Step::kTls) return std::string(why);
  return std::string(name_of(step)) + ": " + std::string(why);
}

}  // namespace

ring::Token Generator::token(ring::Operation operation, const Connection& connection) const {
  return {operation, connections_.handle_of(&connection)};
}

// False: there is no socket to be had, and the run ends.
bool Generator::open() {
  const auto target = static_cast<uint32_t>(opened_ % plan_.targets.size());
  const Endpoint& endpoint = plan_.targets[target].endpoint;
  auto fd = loop_.kernel().socket(endpoint.address.family());
  if (fd && !plan_.sources.empty()) {
    const IpAddress source = plan_.sources.at(opened_);
    if (const auto bound = loop_.kernel().bind(*fd, source); !bound) {
      loop_.kernel().close(*fd);
      problem_ = "cannot send from " + source.to_string() + ": ";
      problem_ += describe(bound.error());
      hopeless_ = true;
      return false;
    }
  }
  if (!fd) {
    problem_ = "no socket: " + std::string(describe(fd.error()));
    hopeless_ = true;
    return false;
  }
  ++opened_;
  ++connecting_;
  Connection* connection = connections_.acquire(plan_.script, free_seats_.back(), target);
  ASSERT(connection != nullptr);
  free_seats_.pop_back();
  connection->fd = *fd;
  connection->connecting = true;
  connection->asked = connection->heard = loop_.now();
  const uint32_t length = endpoint.to_sockaddr(connection->address);
  loop_.connect(*fd, connection->address, length,
                token(ring::Operation::kLoadConnect, *connection));
  return true;
}

void Generator::arm_receive(Connection& connection) {
  ASSERT(!connection.receiving);
  connection.receiving = true;
  loop_.receive(connection.fd, buffers_, token(ring::Operation::kLoadReceive, connection));
}

void Generator::on_connect(Connection& connection, const ring::Completion& completion) {
  connection.connecting = false;
  if (connection.closing) return close_when_quiet(connection);
  if (!completion.ok()) {
    connection.hopeless = is_for_good(completion.error());
    return fail(connection, Step::kConnect, describe(completion.error()));
  }
  const Instant now = loop_.now();
  tally_.connected();
  tally_.answered(Step::kConnect, connection.asked, now);
  connection.heard = now;
  connection.dialogue.connected(now);
  arm_receive(connection);
  if (plan_.tls != TlsUse::kImplicit) return;
  begin_tls(connection);
  send_more(connection);
}

void Generator::on_receive(Connection& connection, const ring::Completion& completion) {
  if (completion.unparked) {
    if (!connection.closing) arm_receive(connection);
    return;
  }
  if (completion.has_buffer && completion.result > 0 && !connection.closing) {
    connection.heard = loop_.now();
    const auto bytes = buffers_.bytes(completion.buffer, static_cast<uint32_t>(completion.result));
    if (connection.tls != nullptr) {
      read_tls(connection, bytes);
    } else {
      connection.dialogue.feed(bytes, loop_.now());
      read_replies(connection);
    }
  }
  if (completion.has_buffer) buffers_.give_back(completion.buffer);
  connection.receiving = false;
  if (connection.closing) return close_when_quiet(connection);
  if (completion.result == 0) {
    return fail(connection, connection.dialogue.step_now(), "the server closed the connection");
  }
  if (!completion.ok()) {
    if (completion.error() == Error::kNoBuffers) return buffers_.park(completion.token);
    return fail(connection, connection.dialogue.step_now(), describe(completion.error()));
  }
  arm_receive(connection);
  give_work(connection);
  send_more(connection);
}

void Generator::read_replies(Connection& connection) {
  while (!connection.closing) {
    const Event event = connection.dialogue.next();
    if (event.then == Event::Then::kNeedInput || !act(connection, event)) return;
  }
}

// False: the connection is over, or TLS begins.
bool Generator::act(Connection& connection, const Event& event) {
  const Instant now = loop_.now();
  if (event.asked.ns != 0 && event.reply.code != 0) tally_.answered(event.step, event.asked, now);
  if (event.refused) tally_.refused(event.step, event.reply.code, event.reply.text, now);
  switch (event.then) {
    case Event::Then::kNeedInput:
    case Event::Then::kNothing:
      return true;
    case Event::Then::kStartTls:
      begin_tls(connection);
      return false;
    case Event::Then::kReady:
      on_ready(connection);
      return true;
    case Event::Then::kFinished:
      decide(connection, {.fate = event.accepted ? Fate::kAccepted : Fate::kRefused,
                          .code = event.reply.code,
                          .refused = event.refused_recipients});
      return true;
    case Event::Then::kOver:
      break;
  }
  const bool for_good = event.reply.code == 0 || event.reply.code >= 500;
  if (!connection.ready) unreachable(connection, obstacle(event.step, event.reply), for_good);
  // 421 answers the oldest message as a refusal does; the next one was not looked at.
  begin_close(connection, event.closing ? event.reply.code : uint16_t{0});
  return false;
}

void Generator::on_ready(Connection& connection) {
  connection.ready = true;
  --connecting_;
  TargetState& target = targets_[connection.target];
  target.failures = 0;
  target.was_ready = true;
  last_progress_ = loop_.now();
  if (connection.tls == nullptr || !plan_.tls_resume) return;
  tls::Session tickets = connection.tls->stream.take_session();
  if (tickets.data != nullptr) target.tickets = std::move(tickets);
}

// ---- TLS

void Generator::begin_tls(Connection& connection) {
  ASSERT(connection.tls == nullptr);
  connection.asked = loop_.now();
  connection.tls = std::make_unique<LoadTls>(
      plan_.tls_context, plan_.targets[connection.target].host,
      plan_.tls_resume ? targets_[connection.target].tickets : tls::Session{});
  read_tls(connection, {});  // makes our hello
}

// All of it is used up when this returns.
void Generator::read_tls(Connection& connection, std::span<const char> ciphertext) {
  tls::Stream& stream = connection.tls->stream;
  if (!ciphertext.empty()) stream.feed(ciphertext);
  if (plaintext_.empty()) plaintext_.resize(tls::kRecordMax);
  while (!connection.closing) {
    const tls::Event event = stream.next(plaintext_);
    switch (event.kind) {
      case tls::Event::Kind::kNeedInput:
        return;
      case tls::Event::Kind::kOpened:
        tally_.answered(Step::kTls, connection.asked, loop_.now());
        if (plan_.tls == TlsUse::kStartTls) {
          connection.dialogue.tls_started(loop_.now());
        } else {
          connection.dialogue.connected(loop_.now());
        }
        break;
      case tls::Event::Kind::kPlaintext:
        connection.dialogue.feed({plaintext_.data(), event.octets}, loop_.now());
        read_replies(connection);
        break;
      case tls::Event::Kind::kEnded:
        return fail(connection, connection.dialogue.step_now(), "the server closed the connection");
      case tls::Event::Kind::kFailed:
        connection.hopeless = true;
        return fail(connection, Step::kTls, "TLS: " + stream.failure());
    }
  }
}

// What was to be sent, as records; with whatever TLS itself has to say.
void Generator::encrypt(Connection& connection) {
  LoadTls& tls = *connection.tls;
  to_encrypt_.clear();
  for (uint32_t i = 0; i < connection.vector_count; ++i) {
    const iovec& vector = connection.vectors[i];
    to_encrypt_.append(static_cast<const char*>(vector.iov_base), vector.iov_len);
  }
  connection.vector_count = 0;
  if (!to_encrypt_.empty() && !tls.stream.write(to_encrypt_))
    return fail(connection, Step::kTls, "TLS has ended");
  if (tls.ciphertext.capacity() > kCiphertextKept) tls.ciphertext = {};
  tls.ciphertext.clear();
  std::swap(tls.ciphertext, tls.stream.output_buffer());
  connection.add(tls.ciphertext);
}

// ---- sending

// Commands that wait, then the content, then the commands of the next message: one send.
void Generator::send_more(Connection& connection) {
  if (connection.sending || connection.closing || connection.connecting) return;
  connection.vector_count = connection.first_vector = 0;
  connection.dialogue.take_output(connection.before);
  connection.add(connection.before);
  if (connection.dialogue.wants_content()) add_content(connection);
  if (connection.tls != nullptr) encrypt(connection);
  if (!connection.closing && connection.vector_count > 0) issue_send(connection);
}

void Generator::add_content(Connection& connection) {
  const Message& message = connection.messages[connection.dialogue.in_flight() - 1];
  connection.add(connection.headers[connection.newest_header]);
  connection.add(message.body->bytes);
  connection.dialogue.content_sent(loop_.now());
  give_work(connection);
  connection.dialogue.take_output(connection.after);
  connection.add(connection.after);
}

void Generator::issue_send(Connection& connection) {
  connection.sending = true;
  const ring::Token mine = token(ring::Operation::kLoadSend, connection);
  const iovec* first = connection.vectors.data() + connection.first_vector;
  const uint32_t count = connection.vector_count - connection.first_vector;
  if (count == 1) {
    loop_.send(connection.fd, {static_cast<const char*>(first->iov_base), first->iov_len}, mine);
    return;
  }
  connection.header = {};
  connection.header.msg_iov = const_cast<iovec*>(first);
  connection.header.msg_iovlen = count;
  loop_.send_vector(connection.fd, connection.header, mine);
}

void Generator::on_send(Connection& connection, const ring::Completion& completion) {
  connection.sending = false;
  if (connection.closing) return close_when_quiet(connection);
  if (!completion.ok())
    return fail(connection, connection.dialogue.step_now(), describe(completion.error()));
  auto octets = static_cast<size_t>(completion.result);
  while (octets > 0) {
    iovec& vector = connection.vectors[connection.first_vector];
    if (octets < vector.iov_len) {
      vector.iov_base = static_cast<char*>(vector.iov_base) + octets;
      vector.iov_len -= octets;
      break;
    }
    octets -= vector.iov_len;
    ++connection.first_vector;
  }
  connection.heard = loop_.now();  // a slow server is not a silent one
  if (connection.first_vector < connection.vector_count) return issue_send(connection);
  send_more(connection);
}

// ---- the end

// Something other than a reply has ended it. Between two messages a server may close.
void Generator::fail(Connection& connection, Step step, std::string_view why) {
  const bool harmless = connection.ready && connection.dialogue.in_flight() == 0;
  if (!harmless) tally_.refused(step, 0, why, loop_.now());
  if (!connection.ready) unreachable(connection, obstacle(step, why), connection.hopeless);
  begin_close(connection, 0);
}

void Generator::begin_close(Connection& connection, uint16_t code) {
  if (connection.closing) return;
  connection.closing = true;
  connection.idle = false;
  if (!connection.ready) --connecting_;
  const Dialogue& dialogue = connection.dialogue;
  for (uint32_t i = 0; i < dialogue.in_flight(); ++i) {
    const uint16_t answer = i == 0 ? code : uint16_t{0};
    decide(connection, {.fate = answer != 0 ? Fate::kRefused : Fate::kLost,
                        .uncertain = answer == 0 && dialogue.content_out(i),
                        .code = answer});
  }
  if (connection.connecting || connection.receiving || connection.sending)
    loop_.cancel_all(connection.fd);
  close_when_quiet(connection);
}

void Generator::close_when_quiet(Connection& connection) {
  ASSERT(connection.closing);
  if (connection.connecting || connection.receiving || connection.sending || connection.fd < 0)
    return;
  // Once: a completion that comes after this finds no descriptor.
  loop_.close(std::exchange(connection.fd, -1), token(ring::Operation::kLoadClose, connection));
}

void Generator::retire(Connection& connection) {
  leave_seat(connection);
  connections_.release(&connection);
}

}  // namespace relais::load
