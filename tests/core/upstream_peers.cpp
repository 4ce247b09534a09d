#include "core/upstream_peers.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/mail_text.h"

namespace relais::straight_test {
namespace {

using test::stuffed;
using test::take_line;
using test::without_first_field;

constexpr std::string_view kMark = "X-Test-Id: ";
// At most, in the program's sends; and between them and a peer's on_bytes in most networks.
constexpr size_t kInTheNetwork = 150'000;
constexpr uint64_t kSlowTimer = 1;
constexpr uint64_t kLaterTimer = 2;
constexpr uint64_t kYesTimer = 3;
constexpr uint64_t kCloseTimer = 4;

std::string random_content(Prng& prng, uint64_t id) {
  constexpr std::string_view kLines[] = {".",      "..",   ".dot in front", "",
                                         "250 ok", "QUIT", "BDAT 3"};
  std::string content(kMark);
  content += std::to_string(id);
  content += "\r\n\r\n";
  // Mostly small, sometimes more than a network holds, or than an upstream's backlog.
  constexpr uint64_t kSizes[] = {2000, 2000, 2000, 2000, 2000, 20'000, 20'000, 200'000};
  const uint64_t size = prng.below(kSizes[prng.below(std::size(kSizes))]);
  while (content.size() < size) {
    const uint64_t which = prng.below(std::size(kLines) + 2);
    if (which < std::size(kLines))
      content += kLines[which];
    else
      content += std::string(prng.below(900), 'x');
    content += "\r\n";
  }
  return content;
}

// Where content needs no leave, the answers to two commands look alike, and one of them that comes
// twice and late cannot be told from the other.
bool says_more(Mischief mischief) {
  return mischief == Mischief::kTwice || mischief == Mischief::kTwiceLater ||
         mischief == Mischief::kBehind;
}

std::string between_angles(std::string_view line) {
  const size_t from = line.find('<') + 1;
  return std::string(line.substr(from, line.find('>') - from));
}

}  // namespace

// ---- the book

uint64_t Book::create(Prng& prng) {
  const uint64_t id = next_++;
  sent_[id].content = random_content(prng, id);
  return id;
}

uint64_t Book::id_in(std::string_view content) {
  const size_t at = content.find(kMark);
  uint64_t id = 0;
  if (at != std::string_view::npos)
    std::from_chars(content.data() + at + kMark.size(), content.data() + content.size(), id);
  return id;
}

void Book::complain(std::string text) {
  if (complaint.empty()) complaint = std::move(text);
}

void Book::store(std::string_view content, const std::vector<std::string>& recipients) {
  const uint64_t id = id_in(content);
  const auto found = sent_.find(id);
  if (found == sent_.end()) return complain("a message without a known id was stored");
  Sent& sent = found->second;
  if (!content.starts_with("Received: ") || without_first_field(content) != sent.content)
    complain("message " + std::to_string(id) + " was stored with other octets");
  sent.stored.push_back(recipients);
  if (sent.stored.size() > 1) complain("message " + std::to_string(id) + " was stored twice");
}

void Book::acknowledge(uint64_t id, const std::vector<std::string>& accepted) {
  Sent& sent = sent_.at(id);
  sent.acknowledged = true;
  ++acknowledged;
  if (std::ranges::find(sent.stored, accepted) != sent.stored.end()) return;
  complain("a client was told 250 for message " + std::to_string(id) +
           (sent.stored.empty() ? ", which nobody has" : ", which is stored for others"));
}

// ---- an upstream

void Upstream::on_connected() {
  if (tls_.implicit) return shake_hands();
  answer(At::kGreeting, "220 upstream ready\r\n");
}

void Upstream::on_bytes(std::string_view bytes) {
  if (stream_.begun()) return decrypt(bytes);
  buffer_ += bytes;
  work();
}

void Upstream::on_timer(uint64_t what) {
  if (what == kYesTimer) {
    say("250 2.0.0 got it\r\n");
    return set_timer(milliseconds(static_cast<int64_t>(prng_.below(3000))), kCloseTimer);
  }
  if (what == kCloseTimer) return prng_.one_in(2) ? reset() : close();
  if (what == kSlowTimer) slow_ = false;
  if (!dead_ && !delayed_.empty()) write(std::exchange(delayed_, {}));
}

bool Upstream::does(Mischief mischief) {
  return prng_.one_in(manner_.one_in[static_cast<size_t>(mischief)]);
}

void Upstream::say(std::string_view text) {
  world().note("an upstream says %.*s", static_cast<int>(std::min<size_t>(text.size(), 60)),
               text.data());
  say_later(text);  // never in front of what waits
  if (!slow_) write(std::exchange(delayed_, {}));
}

// In TLS, where that has begun.
void Upstream::say_later(std::string_view text) {
  delayed_ += stream_.begun() ? stream_.seal(text) : text;
}

void Upstream::start_tls() {
  const Did did = mischief(At::kStartTls, "220 go on\r\n");
  if (did == Did::kInstead) return;
  if (!buffer_.empty()) book_.complain("in the clear behind STARTTLS: " + buffer_);
  if (did == Did::kNothing) say("220 go on\r\n");
  shake_hands();
}

void Upstream::shake_hands() {
  if (does(Mischief::kTlsCut)) return leave();
  if (does(Mischief::kTlsNonsense)) {
    dead_ = true;
    return say("500 what is this\r\n");
  }
  stranger_ = does(Mischief::kTlsStranger);
  forget();
  stream_.begin(stranger_ ? tls_.stranger : tls_.context);
}

void Upstream::decrypt(std::string_view bytes) {
  if (dead_) return;
  const bool goes_on = stream_.open(bytes, buffer_);
  say("");
  if (tls_.implicit && stream_.handshake_done() && !std::exchange(greeted_, true))
    answer(At::kGreeting, "220 upstream ready\r\n");
  work();
  if (!goes_on) leave();
}

void Upstream::leave() {
  dead_ = true;
  close();
}

void Upstream::answer(At at, const std::string& good) {
  if (!dead_ && mischief(at, good) == Did::kNothing) say(good);
}

Upstream::Did Upstream::mischief(At at, const std::string& good) {
  for (size_t i = 0; i < kMischiefs; ++i) {
    if (!prng_.one_in(manner_.one_in[i])) continue;
    if (chunking_offered_ && says_more(static_cast<Mischief>(i))) continue;
    constexpr std::array<std::array<std::string_view, 6>, 10> kWrong = {{
        {"250", "221", "354", "235", "334", "200"},  // greeting
        {"220", "251", "354", "235", "334", "221"},  // hello
        {"220", "221", "235", "252", "334", "354"},  // MAIL
        {"220", "221", "235", "253", "334", "354"},  // RCPT
        {"220", "221", "235", "250", "334", "355"},  // DATA
        {"220", "221", "235", "251", "334", "354"},  // a chunk
        {"220", "221", "251", "252", "334", "354"},  // the end
        {"221", "235", "250", "334", "354", "200"},  // STARTTLS
        {"220", "221", "250", "334", "354", "200"},  // AUTH
        {"220", "221", "235", "251", "334", "354"},  // others
    }};
    world().note("an upstream does mischief %zu at %d", i, static_cast<int>(at));
    switch (static_cast<Mischief>(i)) {
      case Mischief::kLater:
        say("451 4.3.0 later\r\n");
        return Did::kInstead;
      case Mischief::kRefuse:
        say("550 5.7.1 not here\r\n");
        return Did::kInstead;
      case Mischief::kClosing:
        say("421 4.3.2 closing\r\n");
        leave();
        return Did::kInstead;
      case Mischief::kClose:
        leave();
        return Did::kInstead;
      case Mischief::kReset:
        dead_ = true;
        reset();
        return Did::kInstead;
      case Mischief::kSilent:
        dead_ = true;
        pause();
        return Did::kInstead;
      case Mischief::kSlow:
        if (!slow_) set_timer(seconds(1), kSlowTimer);
        slow_ = true;
        say(good);
        return Did::kGoodToo;
      case Mischief::kWrongCode:
        say(std::string(kWrong[static_cast<size_t>(at)][prng_.below(6)]) + " 2.0.0 what\r\n");
        return Did::kInstead;
      case Mischief::kTwice:
        say(good + good);
        return Did::kGoodToo;
      case Mischief::kTwiceLater:
        say(good);
        say_later(good);
        set_timer(milliseconds(static_cast<int64_t>(prng_.below(200))), kLaterTimer);
        return Did::kGoodToo;
      case Mischief::kGarbage: {
        std::string garbage;
        for (uint64_t n = prng_.between(1, 40); n > 0; --n)
          garbage += static_cast<char>(prng_.below(256));
        say(garbage + (prng_.one_in(2) ? "\r\n" : ""));
        return Did::kInstead;
      }
      case Mischief::kEndless:
        if (prng_.one_in(2)) {
          say("250 " + std::string(5000, 'x'));
        } else {
          std::string endless;
          while (endless.size() < 100'000) endless += "250-and so on\r\n";
          say(endless);
        }
        return Did::kInstead;
      case Mischief::kBehind: {
        constexpr std::string_view kBehind[] = {"250 2.0.0 more\r\n", "25", "\r\n", "354 go\r\n",
                                                "250-x\r\n"};
        say(good + std::string(kBehind[prng_.below(std::size(kBehind))]));
        return Did::kGoodToo;
      }
      case Mischief::kStoreAndClose:
      case Mischief::kEarlyNo:
      case Mischief::kEarlyYes:
      case Mischief::kYesAndClose:
      case Mischief::kTlsNonsense:
      case Mischief::kTlsCut:
      case Mischief::kTlsStranger:
        break;  // elsewhere
    }
  }
  return Did::kNothing;
}

void Upstream::work() {
  std::string line;
  while (!dead_) {
    if (in_chunk_) {
      if (!take_content()) return;
    } else if (!take_line(buffer_, line)) {
      return;
    } else if (in_data_) {
      on_content_line(line);
    } else {
      on_command(line);
    }
  }
}

// Of a chunk. False: not all of it is there.
bool Upstream::take_content() {
  const uint64_t count = std::min<uint64_t>(chunk_left_, buffer_.size());
  content_ += buffer_.substr(0, count);
  buffer_.erase(0, count);
  chunk_left_ -= count;
  if (count > 0 && !early_ && says_yes_and_closes()) return false;
  if (count > 0 && !early_ && is_more_to_come_than(kInTheNetwork) && does(Mischief::kEarlyYes)) {
    early_ = true;
    say("250 2.0.0 got it\r\n");
  }
  if (chunk_left_ > 0) return false;
  in_chunk_ = false;
  if (early_ && chunk_last_) {
    forget();
  } else if (early_) {
    // Answered already.
  } else if (chunk_last_) {
    on_message();
  } else {
    answer(At::kChunk, "250 2.0.0 chunk\r\n");
  }
  return true;
}

void Upstream::on_content_line(std::string_view line) {
  if (line == ".") {
    in_data_ = false;
    if (!early_) return on_message();
    return forget();
  }
  if (line.starts_with('.')) line.remove_prefix(1);
  content_.append(line).append("\r\n");
  if (early_ || says_yes_and_closes()) return;
  const auto happens = [&](Mischief mischief) {
    return prng_.one_in(uint64_t{manner_.one_in[static_cast<size_t>(mischief)]} * 4);
  };
  if (happens(Mischief::kEarlyNo)) {
    early_ = true;
    say("552 5.3.4 enough\r\n");
  } else if (happens(Mischief::kEarlyYes) && is_more_to_come_than(kInTheNetwork)) {
    early_ = true;
    say("250 2.0.0 got it\r\n");
  } else if (happens(Mischief::kClose)) {
    leave();
  } else if (happens(Mischief::kClosing)) {
    say("421 4.3.2 closing\r\n");
    leave();
  }
}

// And than the network holds: what is said now is said before all of it can have left. (One that
// says yes to what it has not read yet, but could have, cannot be told from one that has read it.)
bool Upstream::is_more_to_come_than(size_t octets) const {
  const uint64_t id = Book::id_in(content_);
  const size_t record = stream_.begun() ? tls::kRecordMax : 0;  // of which a part is here
  const size_t held = std::max(octets, room_to_here()) + record;
  return id != 0 && book_.at(id).content.size() > content_.size() + buffer_.size() + held;
}

// Some time for the rest to come as near as it can; and for the answer to arrive.
bool Upstream::says_yes_and_closes() {
  if (slow_ || !delayed_.empty() || !is_more_to_come_than(0) || !does(Mischief::kYesAndClose))
    return false;
  dead_ = true;
  pause();
  set_timer(milliseconds(static_cast<int64_t>(prng_.below(1000))), kYesTimer);
  return true;
}

void Upstream::on_message() {
  const std::string good = "250 2.0.0 kept\r\n";
  const std::string content = std::exchange(content_, {});
  const std::vector<std::string> recipients = std::exchange(recipients_, {});
  forget();
  if (does(Mischief::kStoreAndClose)) {
    book_.store(content, recipients);
    return leave();
  }
  const Did did = mischief(At::kEnd, good);
  if (did == Did::kInstead) return;
  book_.store(content, recipients);
  if (did == Did::kNothing) say(good);
}

void Upstream::forget() {
  early_ = mailed_ = in_data_ = in_chunk_ = false;
  recipients_.clear();
  content_.clear();
}

void Upstream::on_command(std::string_view line) {
  const std::string_view verb = line.substr(0, 4);
  const bool says_little = verb == "EHLO" || verb == "HELO" || verb == "QUIT";
  if (tls_.required && !says_little && line != "STARTTLS" && (!stream_.begun() || stranger_))
    book_.complain("not in TLS with this host: " + std::string(line));
  if (verb == "EHLO") {
    on_hello();
  } else if (verb == "HELO") {
    forget();
    say("250 upstream\r\n");
  } else if (verb == "MAIL") {
    on_mail(line);
  } else if (verb == "XCLI") {
    on_xclient(line);
  } else if (line == "STARTTLS" && tls_.context != nullptr && !stream_.begun()) {
    start_tls();
  } else if (verb == "AUTH") {
    on_logon(line);
  } else if (verb == "RCPT") {
    const std::string recipient = between_angles(line);
    if (!mailed_) return say("503 5.5.1 MAIL first\r\n");
    if (recipient.starts_with(kNobody)) return say("550 5.1.1 <" + recipient + "> unknown\r\n");
    const std::string good = "250 2.1.5 <" + recipient + "> ok\r\n";
    const Did did = mischief(At::kRecipient, good);
    if (did != Did::kInstead) recipients_.push_back(recipient);
    if (did == Did::kNothing) say(good);
  } else if (verb == "DATA") {
    if (recipients_.empty()) return say("503 5.5.1 no recipients\r\n");
    const Did did = mischief(At::kData, "354 go on\r\n");
    in_data_ = did != Did::kInstead;
    if (did == Did::kNothing) say("354 go on\r\n");
  } else if (verb == "BDAT") {
    chunk_last_ = line.ends_with(" LAST");
    std::from_chars(line.data() + 5, line.data() + line.size(), chunk_left_);
    in_chunk_ = true;
    if (recipients_.empty()) {  // what follows is thrown away, and refused
      early_ = true;
      say("503 5.5.1 no recipients\r\n");
    }
  } else if (verb == "RSET") {
    forget();
    answer(At::kOther, "250 2.0.0 ok\r\n");
  } else if (verb == "QUIT") {
    say("221 2.0.0 bye\r\n");
    leave();
  } else {
    book_.complain("an upstream was sent nonsense: " + std::string(line.substr(0, 60)));
  }
}

void Upstream::on_hello() {
  std::string text = "250-upstream\r\n250-8BITMIME\r\n";
  if (manner_.pipelining) text += "250-PIPELINING\r\n";
  chunking_offered_ = manner_.chunking;
  if (chunking_offered_) text += "250-CHUNKING\r\n";
  if (tls_.context != nullptr && !stream_.begun() && manner_.start_tls) text += "250-STARTTLS\r\n";
  if (tls_.logon) text += "250-AUTH LOGIN PLAIN\r\n";
  xclient_offered_ = manner_.xclient && named_.empty();
  if (xclient_offered_) text += "250-XCLIENT NAME ADDR PORT HELO\r\n";
  forget();
  answer(At::kHello, text + "250 HELP\r\n");
}

void Upstream::on_logon(std::string_view line) {
  if (line != "AUTH PLAIN AHJlbGF5AHNlY3JldA==")  // NUL relay NUL secret
    book_.complain("a logon that is not ours: " + std::string(line));
  const Did did = mischief(At::kLogon, "235 2.7.0 welcome\r\n");
  logged_on_ = did != Did::kInstead;
  if (did == Did::kNothing) say("235 2.7.0 welcome\r\n");
}

void Upstream::on_xclient(std::string_view line) {
  constexpr std::string_view kHello = " HELO=";
  if (!xclient_offered_) book_.complain("XCLIENT that was not offered");
  if (line.find(" ADDR=127.0.0.2 ") == std::string_view::npos || !line.contains(kHello))
    book_.complain("XCLIENT that does not say who: " + std::string(line));
  forget();
  const Did did = mischief(At::kGreeting, "220 upstream ready\r\n");
  if (did != Did::kInstead) named_ = line.substr(line.find(kHello) + kHello.size());
  if (did == Did::kNothing) say("220 upstream ready\r\n");
}

void Upstream::on_mail(std::string_view line) {
  if (mailed_) book_.complain("MAIL within a transaction");
  if (tls_.logon && !logged_on_) book_.complain("mail without a logon");
  if (manner_.tls_due && !stream_.begun()) book_.complain("mail in the clear, and TLS was offered");
  const std::string sender = between_angles(line);
  if (manner_.named && (named_.empty() || !sender.ends_with('@' + named_)))
    book_.complain("mail of " + sender + " over a connection of " +
                   (named_.empty() ? "nobody" : named_));
  const Did did = mischief(At::kMail, "250 2.1.0 ok\r\n");
  mailed_ = did != Did::kInstead;
  if (did == Did::kNothing) say("250 2.1.0 ok\r\n");
}

// ---- a client

void Sender::on_bytes(std::string_view bytes) {
  buffer_ += bytes;
  std::string line;
  while (!done_ && take_line(buffer_, line)) {
    uint16_t code = 0;
    if (line.size() > 3) std::from_chars(line.data(), line.data() + 3, code);
    if (code < 200 || code > 599) book_.complain("a client was told nonsense: " + line);
    world().note("a client is told %s", line.c_str());
    if (line.size() > 510) book_.complain("a client was told too much: " + line);
    if (line.size() > 3 && line[3] == ' ') on_reply(code, line);
  }
}

void Sender::on_closed(bool) {
  done_ = true;
  close();
}

void Sender::wrong(std::string_view what, uint16_t code, std::string_view text) {
  book_.complain(std::string(what) + " was answered with " + std::to_string(code) + ": " +
                 std::string(text));
}

void Sender::on_reply(uint16_t code, std::string_view text) {
  if (code == 421) {
    done_ = true;
    return close();
  }
  const bool refused = code >= 400;
  switch (step_) {
    case Step::kGreeting:
      step_ = Step::kHello;
      return write("EHLO " + name_ + "\r\n");
    case Step::kHello:
      return next_message();
    case Step::kMail:
    case Step::kRecipient:
      return on_envelope_reply(code, text);
    case Step::kData:
      if (code == 354) return send_content();
      if (!refused) wrong("DATA", code, text);
      step_ = Step::kReset;
      return write("RSET\r\n");
    case Step::kReset:
      if (code != 250) wrong("RSET", code, text);
      return next_message();
    case Step::kChunk:
      if (code != 250 && !refused) wrong("BDAT", code, text);
      if (--chunks_left_ > 0) return;
      step_ = Step::kContent;
      return;
    case Step::kContent:
      if (code != 250 && !refused) wrong("the end", code, text);
      if (refused)
        ++book_.refused;
      else
        book_.acknowledge(id_, accepted_);
      return next_message();
    case Step::kQuit:
      if (code != 221) wrong("QUIT", code, text);
      done_ = true;
      return close();
  }
}

void Sender::on_envelope_reply(uint16_t code, std::string_view text) {
  const bool refused = code >= 400;
  if (step_ == Step::kMail) {
    if (code != 250 && !refused) wrong("MAIL", code, text);
    mail_refused_ = refused;
    step_ = Step::kRecipient;
    if (habits_.pipelined) return;
    if (refused) return give_up();
    return write("RCPT TO:<" + recipients_[0] + ">\r\n");
  }
  const std::string& asked = recipients_[answered_++];
  if (!refused && (code > 252 || code < 250)) wrong("RCPT", code, text);
  if (!refused && mail_refused_) wrong("RCPT behind a refused MAIL", code, text);
  if (!refused) accepted_.push_back(asked);
  const bool named = text.find('<') != std::string_view::npos;
  if (habits_.exact && named && text.find('<' + asked + '>') == std::string_view::npos)
    wrong("RCPT of " + asked, code, text);
  if (habits_.exact && !refused && asked.starts_with(kNobody)) wrong(asked, code, text);
  if (answered_ == recipients_.size()) return envelope_is_done();
  if (!habits_.pipelined) write("RCPT TO:<" + recipients_[answered_] + ">\r\n");
}

void Sender::envelope_is_done() {
  if (accepted_.empty() || prng_.one_in(habits_.gives_up)) return give_up();
  if (habits_.chunks) return send_content();
  step_ = Step::kData;
  write("DATA\r\n");
}

void Sender::give_up() {
  if (!accepted_.empty() && prng_.one_in(4)) {
    done_ = true;
    return prng_.one_in(2) ? reset() : close();
  }
  step_ = Step::kReset;
  write("RSET\r\n");
}

void Sender::next_message() {
  if (left_ == 0) {
    step_ = Step::kQuit;
    return write("QUIT\r\n");
  }
  --left_;
  id_ = book_.create(prng_);
  recipients_.clear();
  accepted_.clear();
  answered_ = 0;
  const uint64_t count = prng_.one_in(3) ? prng_.between(2, 5) : 1;
  for (uint64_t i = 0; i < count; ++i) {
    std::string recipient(prng_.one_in(8) ? kNobody : std::string_view("user"));
    recipient += std::to_string(id_) + '-' + std::to_string(i) + "@far.example";
    recipients_.push_back(std::move(recipient));
  }
  step_ = Step::kMail;
  std::string text = "MAIL FROM:<sender@" + name_ + ">\r\n";
  for (const std::string& recipient : recipients_) {
    if (habits_.pipelined) text += "RCPT TO:<" + recipient + ">\r\n";
  }
  write(text);
}

void Sender::send_content() {
  const std::string& content = book_.at(id_).content;
  const bool half = prng_.one_in(habits_.gives_up);
  if (!habits_.chunks) {
    step_ = Step::kContent;
    const std::string wire = stuffed(content) + ".\r\n";
    write(half ? wire.substr(0, prng_.below(wire.size())) : wire);
  } else {
    const size_t cut = prng_.one_in(2) ? content.size() : prng_.below(content.size() + 1);
    chunks_left_ = cut == content.size() ? 0 : 1;
    step_ = chunks_left_ > 0 ? Step::kChunk : Step::kContent;
    std::string text;
    if (chunks_left_ > 0) text += "BDAT " + std::to_string(cut) + "\r\n" + content.substr(0, cut);
    const std::string rest = chunks_left_ > 0 ? content.substr(cut) : content;
    text += "BDAT " + std::to_string(rest.size()) + " LAST\r\n" + rest;
    write(half ? text.substr(0, prng_.below(text.size())) : text);
  }
  if (!half) return;
  done_ = true;
  prng_.one_in(2) ? reset() : close();
}

}  // namespace relais::straight_test
