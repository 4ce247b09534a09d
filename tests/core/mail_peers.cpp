#include "core/mail_peers.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/mail_text.h"

namespace relais::test {
namespace {

constexpr std::string_view kMark = "X-Test-Id: ";

// Lines that hurt: dots in front, nothing but dots, 8-bit octets, long ones, empty ones.
std::string random_line(Prng& prng) {
  switch (prng.below(8)) {
    case 0:
      return ".";
    case 1:
      return "..";
    case 2:
      return ".leading dot";
    case 3:
      return "";
    case 4:
      return std::string(prng.below(998), 'x');
    case 5:
      return "caf\xc3\xa9 \xff\x80";
    case 6:
      return "Received: not a header";
    default:
      return "text " + std::to_string(prng.next());
  }
}

std::string random_content(Prng& prng, uint64_t id) {
  std::string content(kMark);
  content += std::to_string(id);
  content += "\r\n\r\n";
  // Mostly small, sometimes several blocks.
  const uint64_t size = prng.one_in(10) ? prng.below(120'000) : prng.below(3000);
  while (content.size() < size) {
    content += random_line(prng);
    content += "\r\n";
  }
  return content;
}

}  // namespace

uint64_t Ledger::create(Prng& prng) {
  const uint64_t id = next_++;
  Mail& mail = mails_[id];
  const uint64_t count = prng.one_in(3) ? prng.between(2, 4) : 1;
  for (uint64_t i = 0; i < count; ++i) {
    std::string recipient(prng.one_in(10) ? kRefused : std::string_view("user"));
    recipient += std::to_string(id);
    recipient += '-';
    recipient += std::to_string(i);
    recipient += '@';
    recipient += prng.one_in(5) ? kLocalDomain : std::string_view("far.example");
    mail.recipients.push_back(std::move(recipient));
  }
  mail.content = random_content(prng, id);
  return id;
}

uint64_t Ledger::id_in(std::string_view content) {
  const size_t at = content.find(kMark);
  uint64_t id = 0;
  if (at == std::string_view::npos) return 0;
  std::from_chars(content.data() + at + kMark.size(), content.data() + content.size(), id);
  return id;
}

void Ledger::note_notification(uint64_t id, Mail& mail, std::string_view text) {
  constexpr std::string_view kField = "\r\nFinal-Recipient: rfc822;";
  if (!text.starts_with("From: Mail Delivery System <") || !text.ends_with("--\r\n"))
    complaint = "message " + std::to_string(id) + " came back, and not in a notification";
  size_t count = 0;
  for (size_t at = text.find(kField); at != std::string_view::npos; at = text.find(kField, at)) {
    at += kField.size();
    const std::string recipient(text.substr(at, text.find("\r\n", at) - at));
    ++count;
    ++mail.told[recipient];
    if (!recipient.starts_with(kRefused))
      complaint = "message " + std::to_string(id) + " did not fail for " + recipient;
  }
  if (count == 0) complaint = "a notification about nobody";
}

void Ledger::arrive(std::string_view recipient, std::string_view received) {
  const auto found = mails_.find(id_in(received));
  if (found == mails_.end()) {
    complaint = "a message without a known id arrived";
    return;
  }
  Mail& mail = found->second;
  if (recipient == kSender) return note_notification(found->first, mail, received);
  if (!mail.tls.empty() && received.substr(0, 1000).find(mail.tls) == std::string_view::npos)
    complaint = "message " + std::to_string(found->first) + " was not received with " + mail.tls;
  if (!received.starts_with("Received: ") || without_first_field(received) != mail.content) {
    const std::string_view rest = without_first_field(received);
    const auto where = std::ranges::mismatch(rest, mail.content).in1 - rest.begin();
    complaint = "message " + std::to_string(found->first) +
                " arrived changed: " + std::to_string(rest.size()) + " octets for " +
                std::to_string(mail.content.size()) + ", from octet " + std::to_string(where) +
                " on: " + std::string(rest.substr(static_cast<size_t>(where), 60)) +
                " instead of " + mail.content.substr(static_cast<size_t>(where), 60);
  }
  if (std::find(mail.recipients.begin(), mail.recipients.end(), recipient) ==
      mail.recipients.end()) {
    complaint = "message " + std::to_string(found->first) +
                " arrived for a stranger: " + std::string(recipient);
  }
  ++mail.arrived[std::string(recipient)];
}

// ---- the next hop

void Sink::on_bytes(std::string_view bytes) {
  bool ended = false;
  if (stream_.begun()) {
    ended = !stream_.open(bytes, buffer_);
    say("");
  } else {
    buffer_ += bytes;
  }
  std::string line;
  while (!gone_ && take_line(buffer_, line)) on_line(line);
  if (ended) leave();
}

// In TLS, where that has begun.
void Sink::say(std::string_view text) { write(stream_.begun() ? stream_.seal(text) : text); }

void Sink::start_tls() {
  if (prng_.one_in(manner_.tls_refused)) return say("454 4.7.0 not now\r\n");
  if (!buffer_.empty()) ledger_.complaint = "in the clear behind STARTTLS: " + buffer_;
  say("220 go on\r\n");
  if (prng_.one_in(manner_.tls_nonsense)) {
    gone_ = true;  // what comes now is no SMTP
    return say("500 what is this\r\n");
  }
  if (prng_.one_in(manner_.tls_cut)) return leave();
  stream_.begin(tls_.context);
  recipients_.clear();
}

std::string Sink::extensions() const {
  std::string text = "250-sink\r\n";
  if (manner_.pipelining) text += "250-PIPELINING\r\n250-8BITMIME\r\n";
  if (tls_.context != nullptr && !stream_.begun()) text += "250-STARTTLS\r\n";
  if (stream_.begun()) text += "250-AUTH PLAIN\r\n";
  return text + "250 HELP\r\n";
}

void Sink::leave() {
  gone_ = true;
  close();
}

void Sink::on_line(std::string_view line) {
  if (!in_data_) return on_command(line);
  if (line == ".") return on_end_of_data();
  if (manner_.close_in_data != 0 && prng_.one_in(uint64_t{manner_.close_in_data} * 20))
    return leave();
  if (line.starts_with('.')) line.remove_prefix(1);
  content_.append(line).append("\r\n");
}

void Sink::on_command(std::string_view line) {
  const std::string_view verb = line.substr(0, 4);
  if (verb == "EHLO") {
    say(extensions());
  } else if (line == "STARTTLS" && tls_.context != nullptr && !stream_.begun()) {
    start_tls();
  } else if (verb == "AUTH" && stream_.begun()) {
    if (prng_.one_in(manner_.logon_later)) return say("454 4.7.0 later\r\n");
    logged_on_ = line == "AUTH PLAIN AHJlbGF5AHNlY3JldA==";  // NUL relay NUL secret
    say(logged_on_ ? "235 welcome\r\n" : "535 no\r\n");
  } else if (verb == "MAIL") {
    if (tls_.required && !logged_on_) ledger_.complaint = "mail in the clear, or of a stranger";
    recipients_.clear();
    content_.clear();
    say("250 ok\r\n");
  } else if (verb == "RCPT") {
    const size_t from = line.find('<') + 1;
    const std::string recipient(line.substr(from, line.find('>') - from));
    if (recipient.starts_with(kRefused)) return say("550 5.1.1 unknown\r\n");
    if (prng_.one_in(manner_.recipient_later)) return say("451 4.7.1 later\r\n");
    recipients_.push_back(recipient);
    say("250 ok\r\n");
  } else if (verb == "DATA") {
    if (recipients_.empty()) return say("503 no recipients\r\n");
    in_data_ = true;
    say("354 go on\r\n");
  } else if (verb == "QUIT") {
    say("221 bye\r\n");
    leave();
  } else if (verb == "RSET") {
    recipients_.clear();
    say("250 ok\r\n");
  } else {
    ledger_.complaint = "the sink was sent nonsense: " + std::string(line);
    say("500 what\r\n");
  }
}

void Sink::on_end_of_data() {
  in_data_ = false;
  if (prng_.one_in(manner_.message_later)) return say("451 4.3.0 later\r\n");
  for (const std::string& recipient : recipients_) ledger_.arrive(recipient, content_);
  if (prng_.one_in(manner_.close_before_reply)) return leave();
  say("250 2.0.0 taken\r\n");
}

// ---- the client

void Submitter::on_bytes(std::string_view bytes) {
  if (tls_ != nullptr) {
    hear_tls(bytes);
  } else {
    buffer_ += bytes;
  }
  std::string line;
  while (!done_ && take_line(buffer_, line)) {
    if (line.size() < 3) continue;
    uint16_t code = 0;
    std::from_chars(line.data(), line.data() + 3, code);
    if (line.size() == 3 || line[3] == ' ') on_reply(code);
  }
}

void Submitter::hear_tls(std::string_view bytes) {
  const bool was_open = tls_->is_open();
  if (!tls_->hear(bytes, buffer_)) {
    ledger_.complaint = "what came to a client was not its TLS";
    return leave();
  }
  std::string answer = tls_->take();
  if (!was_open && tls_->is_open()) {
    step_ = Step::kHello;
    // Often in one piece with the Finished.
    const std::string hello = tls_->seal("EHLO client.example\r\n");
    if (prng_.one_in(2)) write(std::exchange(answer, {}));
    answer += hello;
  }
  write(answer);
}

void Submitter::say(std::string_view text) {
  if (tls_ == nullptr) return write(text);
  write(tls_->seal(text));
}

// Some do not say so.
void Submitter::leave() {
  done_ = true;
  if (tls_ != nullptr && tls_->is_open() && prng_.one_in(2)) write(tls_->end());
  close();
}

void Submitter::on_closed(bool reset) {
  // A send may have failed, and that of the end is not tried twice.
  if (step_ == Step::kEnd && !reset && tls_ != nullptr && !tls_->has_ended() &&
      world().count(simulation::Fault::kNoMemory) == 0)
    ledger_.complaint = "TLS ended without close_notify";
  done_ = true;
  close();
}

void Submitter::on_reply(uint16_t code) {
  const Mail* mail = id_ != 0 ? &ledger_.at(id_) : nullptr;
  if (code == 421) return leave();
  switch (step_) {
    case Step::kGreeting:
      step_ = Step::kHello;
      return say("EHLO client.example\r\n");
    case Step::kHello:
      if (!secured_ || tls_ != nullptr) return next_message();
      step_ = Step::kStartTls;
      return say("STARTTLS\r\n");
    case Step::kStartTls:
      if (code != 220) {
        ledger_.complaint = "STARTTLS was answered " + std::to_string(code);
        return leave();
      }
      step_ = Step::kHandshake;
      tls_ = std::make_unique<ClientTls>(prng_);
      return write(tls_->begin());
    case Step::kHandshake:
      ledger_.complaint = "a reply in the clear, in the handshake: " + std::to_string(code);
      return leave();
    case Step::kMail:
      step_ = Step::kRecipient;
      if (!pipelined_) say("RCPT TO:<" + mail->recipients[0] + ">\r\n");
      return;
    case Step::kRecipient:
      if (code == 250) ++accepted_;
      if (++recipient_ < mail->recipients.size()) {
        if (!pipelined_) say("RCPT TO:<" + mail->recipients[recipient_] + ">\r\n");
        return;
      }
      step_ = Step::kData;
      if (!pipelined_) say("DATA\r\n");
      return;
    case Step::kData:
      if (code == 354) return send_content();
      step_ = Step::kReset;  // 452, or 503 behind a refused MAIL
      return say("RSET\r\n");
    case Step::kReset:
      return next_message();
    case Step::kContent:
      if (code == 250) {
        if (accepted_ != mail->recipients.size())
          ledger_.complaint = "a recipient was refused by the relay";
        ledger_.at(id_).acknowledged = true;
        ++ledger_.acknowledged;
        world().note("message %lu is acknowledged", static_cast<unsigned long>(id_));
      }
      if (noops_ == 0) return next_message();
      step_ = Step::kNoops;
      return;
    case Step::kNoops:
      if (code != 250) ledger_.complaint = "a NOOP was answered " + std::to_string(code);
      if (--noops_ == 0) next_message();
      return;
    case Step::kQuit:
      // Who is in TLS waits for its end, too.
      step_ = Step::kEnd;
      if (tls_ == nullptr || prng_.one_in(4)) leave();
      return;
    case Step::kEnd:
      ledger_.complaint = "a reply behind 221";
      return leave();
  }
}

void Submitter::next_message() {
  if (left_ == 0) {
    step_ = Step::kQuit;
    return say("QUIT\r\n");
  }
  --left_;
  id_ = ledger_.create(prng_);
  if (tls_ != nullptr) ledger_.at(id_).tls = tls_->description();
  recipient_ = 0;
  accepted_ = 0;
  step_ = Step::kMail;
  say("MAIL FROM:<" + std::string(kSender) + ">\r\n");
  if (!pipelined_) return;
  std::string text;
  for (const std::string& recipient : ledger_.at(id_).recipients)
    text += "RCPT TO:<" + recipient + ">\r\n";
  text += "DATA\r\n";
  say(text);
}

void Submitter::send_content() {
  step_ = Step::kContent;
  std::string text = stuffed(ledger_.at(id_).content) + ".\r\n";
  noops_ = pipelined_ ? prng_.below(4) : 0;
  for (uint64_t i = 0; i < noops_; ++i) text += "NOOP\r\n";
  say(text);
}

}  // namespace relais::test
