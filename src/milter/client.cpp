#include "milter/client.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "milter/protocol.h"

namespace relais::milter {
namespace {

// What a command's reports are switched off by, and its answers.
struct Wish {
  char command;
  uint32_t not_told;
  uint32_t mute;
};
constexpr Wish kWishes[] = {
    {command::kConnect, wish::kNoConnect, wish::kMuteConnect},
    {command::kHello, wish::kNoHello, wish::kMuteHello},
    {command::kMail, wish::kNoMail, wish::kMuteMail},
    {command::kRecipient, wish::kNoRecipient, wish::kMuteRecipient},
    {command::kData, wish::kNoData, wish::kMuteData},
    {command::kHeader, wish::kNoHeader, wish::kMuteHeader},
    {command::kEndOfHeader, wish::kNoEndOfHeader, wish::kMuteEndOfHeader},
    {command::kBody, wish::kNoBody, wish::kMuteBody},
};

const Wish* wish_of(char command) {
  const auto* found = std::ranges::find(kWishes, command, &Wish::command);
  return found == std::end(kWishes) ? nullptr : found;
}

std::string in_brackets(std::string_view text, char open, char close) {
  std::string whole(1, open);
  whole += text;
  whole += close;
  return whole;
}

}  // namespace

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::kConnect:
      return "connect";
    case Stage::kHello:
      return "HELO";
    case Stage::kMail:
      return "MAIL";
    case Stage::kRecipient:
      return "RCPT";
    case Stage::kData:
      return "DATA";
    case Stage::kContent:
      return "content";
    case Stage::kEnd:
      return "end of data";
  }
  return "?";
}

Client::Client() {
  PacketWriter(queue_, command::kNegotiate)
      .number(kVersionOffered)
      .number(kActionsOffered)
      .number(wish::kOffered)
      .close();
  release();
}

void Client::feed(std::span<const char> bytes) {
  if (!why_.empty()) return;
  ASSERT(input_.empty());
  input_ = {bytes.data(), bytes.size()};
}

void Client::output_consumed(size_t octets) {
  ASSERT(octets <= output_.size());
  output_.erase(0, octets);
}

size_t Client::backlog() const { return output_.size() + queue_.size() - queue_taken_; }

bool Client::may_begin_session() const {
  return why_.empty() && !in_message_ && (!told_session_ || version_ >= kVersionReuse);
}

void Client::begin_session(const Peer& peer) {
  ASSERT(may_begin_session());
  if (told_session_) say(command::kQuitAndReuse);
  told_session_ = true;
  session_ = {};
  const std::string client = peer.remote.address.to_string();
  const std::string client_port = std::to_string(peer.remote.port);
  const std::string name = in_brackets(client, '[', ']');  // nobody has looked it up
  const std::string local = peer.local.address.to_string();
  const std::string local_port = std::to_string(peer.local.port);
  PacketWriter(queue_, command::kMacro)
      .octets({&command::kConnect, 1})
      .macro("j", peer.fqdn)
      .macro("_", name)
      .macro("v", "relais")
      .macro("{daemon_name}", peer.connector)
      .macro("{daemon_addr}", local)
      .macro("{daemon_port}", local_port)
      .macro("{client_addr}", client)
      .macro("{client_port}", client_port)
      .close();
  const uint16_t port = peer.remote.port;
  const char family_and_port[] = {peer.remote.address.is_v4() ? '4' : '6',
                                  static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
  PacketWriter(queue_, command::kConnect)
      .text(name)
      .octets({family_and_port, sizeof family_and_port})
      .text(client)
      .close();
  PacketWriter(queue_, command::kHello).text(peer.hello).close();
  release();
}

bool Client::may_begin_message() const { return why_.empty() && !in_message_ && told_session_; }

void Client::begin_message(const Mail& mail) {
  ASSERT(may_begin_message());
  in_message_ = true;
  told_data_ = skip_body_ = false;
  message_ = {};
  id_ = mail.id;
  content_.reset();
  if (!session_.made) {
    PacketWriter(queue_, command::kMacro)
        .octets({&command::kMail, 1})
        .macro("i", id_)
        .macro("{mail_addr}", mail.sender)
        .close();
    PacketWriter packet(queue_, command::kMail);
    packet.text(in_brackets(mail.sender, '<', '>'));
    if (mail.size != 0) {
      std::string size = "SIZE=";
      size += std::to_string(mail.size);
      packet.text(size);
    }
    if (mail.eight_bit) packet.text("BODY=8BITMIME");
    packet.close();
    abort_due_ = true;
  }
  ask(Question::kMail);
}

void Client::recipient(std::string_view address) {
  recipient_ = {};
  if (decision() == nullptr) {
    PacketWriter(queue_, command::kMacro)
        .octets({&command::kRecipient, 1})
        .macro("i", id_)
        .macro("{rcpt_addr}", address)
        .close();
    PacketWriter(queue_, command::kRecipient).text(in_brackets(address, '<', '>')).close();
  }
  ask(Question::kRecipient);
}

void Client::data() {
  // A client that was refused for another reason may ask again; the milter hears it once.
  if (decision() == nullptr && !std::exchange(told_data_, true)) {
    say_id(command::kData);
    say(command::kData);
  }
  ask(Question::kData);
}

void Client::content(std::string_view wire) {
  ASSERT(question_ == Question::kNone);
  if (!why_.empty() || decision() != nullptr) return;
  ASSERT(in_message_);
  content_.feed(wire);
  take_pieces();
  release();
}

void Client::end() {
  if (decision() == nullptr) {
    content_.end();
    take_pieces();
    close_body();
    say_id(command::kEndOfBody);
    say(command::kEndOfBody);
  }
  ask(Question::kEnd);
}

bool Client::finish() {
  in_message_ = false;
  question_ = Question::kNone;
  message_ = {};
  forget_queue();
  if (awaited_ != 0 || !why_.empty()) return false;
  if (std::exchange(abort_due_, false)) say(command::kAbort);
  release();
  return true;
}

void Client::quit() {
  say(command::kQuit);
  release();
}

// ---- leaves

void Client::ask(Question question) {
  if (!why_.empty()) return;
  ASSERT(in_message_ && question_ == Question::kNone);
  question_ = question;
  release();
}

void Client::say(char command) { PacketWriter(queue_, command).close(); }

void Client::say_id(char command) {
  PacketWriter(queue_, command::kMacro).octets({&command, 1}).macro("i", id_).close();
}

void Client::take_pieces() {
  using Kind = Content::Piece::Kind;
  const bool blanks = (wishes_ & wish::kLeadingSpace) != 0;
  for (;;) {
    Content::Piece piece = content_.next();
    switch (piece.kind) {
      case Kind::kNothing:
        return;
      case Kind::kField: {
        if (!wanted(command::kHeader)) break;
        std::string_view& value = piece.bytes;
        while (!blanks && !value.empty() && (value.front() == ' ' || value.front() == '\t'))
          value.remove_prefix(1);
        PacketWriter(queue_, command::kHeader).text(piece.name).text(value).close();
        break;
      }
      case Kind::kEndOfHeader:
        say_id(command::kEndOfHeader);
        say(command::kEndOfHeader);
        break;
      case Kind::kBody:
        if (wanted(command::kBody) && !skip_body_) say_body(piece.bytes);
        break;
    }
  }
}

void Client::say_body(std::string_view bytes) {
  while (!bytes.empty()) {
    if (open_body_ == kNone) {
      open_body_ = queue_.size();
      queue_.append(kLengthOctets, '\0');
      queue_ += command::kBody;
    }
    const size_t there = queue_.size() - open_body_ - kLengthOctets - 1;
    const std::string_view taken = bytes.substr(0, kDataMax - there);
    queue_ += taken;
    bytes.remove_prefix(taken.size());
    if (there + taken.size() == kDataMax) close_body();
  }
}

void Client::close_body() {
  if (open_body_ == kNone) return;
  const size_t length = queue_.size() - open_body_ - kLengthOctets;
  write_number(queue_.data() + open_body_, static_cast<uint32_t>(length));
  open_body_ = kNone;
}

// Queued packets go out up to the first one that is answered.
void Client::release() {
  const size_t end = open_body_ == kNone ? queue_.size() : open_body_;
  const std::string_view queue = queue_;
  while (awaited_ == 0 && queue_taken_ < end) {
    const size_t size = kLengthOctets + read_number(queue.substr(queue_taken_));
    const std::string_view packet = queue.substr(queue_taken_, size);
    const char command = packet[kLengthOctets];
    queue_taken_ += size;
    if (!wanted(command) || (command == command::kBody && skip_body_)) continue;
    output_ += packet;
    if (answered(command)) awaited_ = command;
  }
  if (queue_taken_ == queue_.size()) {
    queue_.clear();
    queue_taken_ = 0;
  } else if (queue_taken_ > kDataMax) {
    queue_.erase(0, queue_taken_);
    if (open_body_ != kNone) open_body_ -= queue_taken_;
    queue_taken_ = 0;
  }
}

void Client::forget_queue() {
  queue_.clear();
  queue_taken_ = 0;
  open_body_ = kNone;
}

bool Client::wanted(char command) const {
  if (command == command::kData && version_ < kVersionData) return false;
  const Wish* wish = wish_of(command);
  return wish == nullptr || (wishes_ & wish->not_told) == 0;
}

bool Client::answered(char command) const {
  if (command == command::kNegotiate || command == command::kEndOfBody) return true;
  const Wish* wish = wish_of(command);
  return wish != nullptr && (wishes_ & wish->mute) == 0;
}

const Client::Decision* Client::decision() const {
  if (session_.made) return &session_;
  return message_.made ? &message_ : nullptr;
}

void Client::invariants() const {
  ASSERT(queue_taken_ <= queue_.size());
  ASSERT(open_body_ == kNone || (open_body_ >= queue_taken_ && open_body_ < queue_.size()));
  ASSERT(queue_.empty() || awaited_ != 0 || open_body_ != kNone || !why_.empty());
  ASSERT(question_ == Question::kNone || in_message_);
  ASSERT(version_ == 0 || version_ >= kVersionMin);
  ASSERT(reader_.held() <= kLengthOctets + kPacketMax);
}

}  // namespace relais::milter
