// What a next hop may send to our clients, in any segmentation.
// However it is cut, events and commands are the same; each transaction gets one result a recipient
// and one end; commands are clean lines; and nobody counts as accepted to whom the next hop has
// not said yes.
#include "smtp/client.h"

#include <algorithm>
#include <span>

#include "fuzz/fuzzer.h"
#include "smtp/auth_exchange.h"
#include "smtp/envelope.h"
#include "smtp/stream_client.h"

namespace relais::fuzz {
namespace {

using namespace relais::smtp;
using smtp::test::TestEnvelope;

constexpr std::string_view kPassword = "secret";
constexpr std::string_view kContent = "Subject: x\r\n\r\n..\r\ny\r\n";

bool is_positive(uint16_t code) { return code >= 200 && code < 300; }

// What was heard and what was said; the two are compared apart, as one may run ahead of the other.
struct Story {
  std::string heard;
  std::string said;
  bool over = false;           // the client has given the connection up
  std::vector<bool> accepted;  // of the first transaction, by recipient; those that were answered
};

void judge_commands(std::string_view said) {
  must(said.empty() || said.ends_with("\r\n"), "commands are whole lines", said);
  for (size_t i = 0; i < said.size(); ++i) {
    const char c = said[i];
    must((c >= ' ' && c <= '~') || (c == '\r' && said[i + 1] == '\n') ||
             (c == '\n' && i > 0 && said[i - 1] == '\r'),
         "commands are clean lines", said);
  }
}

class Whole {  // client.h: messages that lie there whole
 public:
  explicit Whole(const ClientOptions& options, uint32_t recipients) : client_(options) {
    std::vector<std::string> names;
    for (uint32_t i = 0; i < recipients; ++i)
      names.push_back("r" + std::to_string(i) + "@b.example");
    for (int i = 0; i < 3; ++i)
      envelopes_.emplace_back(i == 1 ? "" : "a@a.example", names, kContent.size(), i == 2);
  }

  void feed(std::string_view piece) {
    const Exactly memory(piece);
    if (story.over) return;
    if (handshake_due_) client_.tls_started();
    handshake_due_ = false;
    client_.feed(std::span(memory.view()));
    for (;;) {
      const ClientEvent event = client_.next();
      client_.invariants();
      if (event.kind == ClientEvent::Kind::kNeedInput) break;
      on(event);
      if (story.over) break;
      begin();
      client_.invariants();
      take_output();
    }
    take_output();
  }

  Story story;

 private:
  using Kind = ClientEvent::Kind;

  void begin() {
    while (begun_ < envelopes_.size() && client_.can_begin()) client_.begin(envelopes_[begun_++]);
    if (begun_ == envelopes_.size() && client_.in_flight() == 0) client_.quit();
  }

  void take_output() {
    judge_commands(client_.output());
    story.said += client_.output();
    client_.output_consumed(client_.output().size());
  }

  void on(const ClientEvent& event) {
    story.heard += std::to_string(static_cast<int>(event.kind)) + ' ' +
                   std::to_string(event.reply.code) + ' ' + std::string(event.reply.text) + '\n';
    must(event.stage != ClientEvent::Stage::kAuth ||
             event.reply.text.find(kPassword) == std::string_view::npos,
         "what is told of a failed logon does not hold our password", event.reply.text);
    switch (event.kind) {
      case Kind::kRecipientResult:
        must(finished_ < begun_ && event.recipient == accepted_.size(),
             "there is one result a recipient, in order");
        accepted_.push_back(is_positive(event.reply.code) || looks_accepted(event.reply.code));
        if (finished_ == 0) story.accepted = accepted_;
        break;
      case Kind::kContentWanted:
        must(event.empty == (std::count(accepted_.begin(), accepted_.end(), true) == 0) || kCanary,
             "content is empty only if nobody was accepted");
        take_output();
        if (client_.in_chunks()) {
          story.said += client_.begin_chunk(kContent.size() - 1, true);
        } else {
          story.said += "(content)\r\n";
        }
        client_.content_sent();
        break;
      case Kind::kFinished:
        must(finished_ < begun_, "only what was begun ends");
        must(accepted_.size() == envelopes_[finished_].recipient_count(),
             "each recipient has its result before the end");
        ++finished_;
        accepted_.clear();
        break;
      case Kind::kStartTls:
        handshake_due_ = true;
        break;
      case Kind::kUnusable:
      case Kind::kClosing:
        story.over = true;
        break;
      case Kind::kReady:
      case Kind::kNeedInput:
        break;
    }
  }

  // The canary: "later" passes for "yes".
  [[nodiscard]] bool looks_accepted(uint16_t code) const { return kCanary && code / 100 == 4; }

  std::vector<TestEnvelope> envelopes_;
  Client client_;
  size_t begun_ = 0;
  size_t finished_ = 0;
  std::vector<bool> accepted_;
  bool handshake_due_ = false;
};

class Streamed {  // stream_client.h: a message that is still coming in
 public:
  Streamed(bool chunking, uint32_t recipients)
      : client_("relay.example", chunking), recipients_(recipients) {}

  void feed(std::string_view piece) {
    const Exactly memory(piece);
    if (story.over) return;
    client_.feed(std::span(memory.view()));
    for (;;) {
      const StreamEvent event = client_.next();
      client_.invariants();
      if (event.kind == StreamEvent::Kind::kNeedInput) break;
      on(event);
      if (story.over) break;
      client_.invariants();
      take_output();
    }
    take_output();
  }

  Story story;

 private:
  using Kind = StreamEvent::Kind;

  void begin() {
    if (begun_ == 2) return client_.quit();
    ++begun_;
    accepted_.clear();
    data_said_ = ended_ = false;
    client_.begin({.sender = "a@a.example"});
    for (uint32_t i = 0; i < recipients_; ++i)
      client_.recipient("r" + std::to_string(i) + "@b.example", {});
  }

  void take_output() {
    std::string memory;
    story.said += client_.take_output(memory);
  }

  void on(const StreamEvent& event) {
    story.heard +=
        std::to_string(static_cast<int>(event.kind)) + ' ' + std::to_string(event.reply.code) + ' ';
    // Of what violates the protocol it quotes as much as has come.
    if (event.reply.code != 0) story.heard += event.reply.text;
    story.heard += '\n';
    switch (event.kind) {
      case Kind::kRecipient:
        must(begun_ > 0 && accepted_.size() < recipients_, "there is one result a recipient");
        accepted_.push_back(is_positive(event.reply.code));
        if (begun_ == 1) story.accepted = accepted_;
        if (accepted_.size() == recipients_) {
          if (std::count(accepted_.begin(), accepted_.end(), true) > 0) {
            client_.data();
          } else if (client_.abandon()) {
            again();
          }
        }
        break;
      case Kind::kData:
        must(accepted_.size() == recipients_ && !data_said_, "there is one answer to DATA");
        data_said_ = true;
        if (event.reply.code == 354) {
          client_.content(kContent);
          // In lock-step a second chunk waits for an answer, and cuts would decide what comes
          // early.
          if (client_.extensions().pipelining) take_output();
          client_.end();
        } else if (client_.abandon()) {
          again();
        }
        break;
      case Kind::kEnd:
        must(data_said_ && !ended_, "a message ends once");
        ended_ = true;
        again();
        break;
      case Kind::kStartTls:
        must(false, "TLS begins only where it is wanted");
        break;
      case Kind::kReady:
        again();
        break;
      case Kind::kOver:
        story.over = true;
        break;
      case Kind::kNeedInput:
        break;
    }
  }

  void again() {
    if (client_.can_begin()) begin();
  }

  StreamClient client_;
  uint32_t recipients_;
  int begun_ = 0;
  std::vector<bool> accepted_;
  bool data_said_ = false;
  bool ended_ = false;
};

// The codes of the replies, read without a thought for anything else.
std::vector<int> codes_in(std::string_view replies) {
  std::vector<int> codes;
  for (size_t end = 0; (end = replies.find("\r\n")) != std::string_view::npos;) {
    const std::string_view line = replies.substr(0, end);
    replies.remove_prefix(end + 2);
    if (line.size() < 3 || (line.size() > 3 && line[3] == '-')) continue;
    codes.push_back(std::atoi(std::string(line.substr(0, 3)).c_str()));
  }
  return codes;
}

// Behind each reply.
std::vector<size_t> ends_of_replies(std::string_view replies) {
  std::vector<size_t> ends;
  for (size_t at = 0, end = 0; (end = replies.find("\r\n", at)) != std::string_view::npos;) {
    const bool goes_on = end > at + 3 && replies[at + 3] == '-';
    at = end + 2;
    if (!goes_on) ends.push_back(at);
  }
  return ends;
}

// Greeting, EHLO (and HELO, if that was refused), MAIL, each RCPT.
void judge_accepted(const Story& story, std::string_view replies) {
  const std::vector<int> codes = codes_in(replies);
  const auto positive = [&](size_t i) {
    return i < codes.size() && is_positive(static_cast<uint16_t>(codes[i]));
  };
  const size_t mail = positive(1) ? 2 : 3;
  for (size_t i = 0; i < story.accepted.size(); ++i) {
    must(!story.accepted[i] || (positive(mail) && positive(mail + 1 + i)),
         "accepted is to whom the next hop said yes", replies);
  }
}

}  // namespace

Material material() {
  const std::string full =
      "220 hop ESMTP\r\n250-hop\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 DSN\r\n";
  const std::string chunks =
      "220 hop\r\n250-hop\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n";
  const std::string plain = "220 hop\r\n250 hop\r\n";
  const std::string helo = "220-hop\r\n220 hop\r\n500 what?\r\n250 hop\r\n";
  const std::string tls =
      "220 hop\r\n250-hop\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n220 go\r\n";
  const std::string auth = "220 hop\r\n250-hop\r\n250 AUTH PLAIN LOGIN\r\n235 yes\r\n";
  const std::string named =
      "220 hop\r\n250-hop\r\n250 XCLIENT NAME ADDR HELO LOGIN\r\n220 hop\r\n250 PIPELINING\r\n";
  const std::string taken = "250 ok\r\n250-ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 2.6.0 taken\r\n";
  Material all;
  for (const std::string& hello : {full, chunks, plain, helo, tls, auth, named}) {
    for (const uint8_t kind : {0, 1, 2, 3, 4, 8 + 4, 32 + 4}) {
      all.seeds.push_back(seed(hello + taken + taken + taken + "221 bye\r\n", {kind, 1}));
      all.seeds.push_back(
          seed(hello + "250 ok\r\n550 5.1.1 no\r\n550 no\r\n503 no\r\n", {kind, 1}));
      all.seeds.push_back(seed(hello + "550 never\r\n503 no\r\n503 no\r\n503 no\r\n", {kind, 1}));
      all.seeds.push_back(seed(hello + "250 ok\r\n421 4.3.2 going down\r\n", {kind}));
      all.seeds.push_back(seed(hello + "250 ok\r\n250 ok\r\n354 go\r\n554 no\r\n", {kind}));
    }
  }
  all.dictionary = {"220 ",           "250 ",
                    "250-",           "354 ",
                    "421 ",           "450 ",
                    "451 ",           "550 ",
                    "554 ",           "503 ",
                    "235 ",           "334 ",
                    "\r\n",           "\n",
                    "PIPELINING\r\n", "CHUNKING\r\n",
                    "STARTTLS\r\n",   "AUTH PLAIN\r\n",
                    "AUTH LOGIN\r\n", "XCLIENT ADDR\r\n",
                    "SIZE 10\r\n",    "secret",
                    "c2VjcmV0",       "250 ok\r\n",
                    "451 later\r\n"};
  return all;
}

void try_one(Input& input) {
  const uint8_t kind = input.byte();
  const auto recipients = static_cast<uint32_t>(1 + input.below(3));
  const std::string_view replies = input.text();
  const std::vector<size_t> cuts = input.cuts();
  static const Credentials kCredentials{"relay", std::string(kPassword)};
  ClientOptions options;
  options.ehlo_name = "relay.example";
  options.chunking = (kind & 2) != 0;
  const bool secures = (kind & 4) != 0;
  if (secures) {
    // What comes before its question is not believed, and cuts decide what does: no comparison.
    options.start_tls = (kind & 8) != 0 ? StartTls::kRequired : StartTls::kIfOffered;
    options.credentials = &kCredentials;
    options.auth_in_clear = (kind & 16) != 0;
    options.needs_xclient = (kind & 32) != 0;
    options.client.emplace().login = "chris";
  }
  const auto told = [&](auto teller, const std::vector<size_t>& at) {
    in_pieces(replies, at, [&](std::string_view piece) { teller->feed(piece); });
    return teller->story;
  };
  const auto tell = [&](const std::vector<size_t>& at) {
    if ((kind & 1) != 0) return told(std::make_unique<Streamed>(options.chunking, recipients), at);
    return told(std::make_unique<Whole>(options, recipients), at);
  };
  // A stream client takes nothing for an answer that has come before its question, so replies come
  // one by one to it.
  std::vector<size_t> apart;
  if ((kind & 1) != 0) apart = ends_of_replies(replies);
  std::vector<size_t> both;
  std::ranges::merge(apart, cuts, std::back_inserter(both));
  const Story cut = tell(both);
  if (secures && (kind & 1) == 0) return;
  const Story whole = tell(apart);
  must_equal(cut.heard, whole.heard, "what is heard does not depend on the cuts");
  // Who gives up says nothing more, and has said less the more it heard at once.
  const std::string_view said = cut.said;
  must_equal(said.substr(0, whole.over ? whole.said.size() : said.size()), whole.said,
             "what is said does not depend on the cuts");
  judge_accepted(whole, replies);
}

}  // namespace relais::fuzz
