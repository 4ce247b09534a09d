// Dialogues as text files (tests/dialogues/*.smtp) and their replay against a Server.
//
//   A title in prose, as many lines as it needs.
//
//   option max_recipients 2          a member of ServerOptions or HeaderRules; before the first C
//   line S: 220 relay.contoso.com ...     a reply line C: MAIL FROM:<a@contoso.com>     the client
//   sends this and CRLF C- MAIL FR                       the client sends exactly this, no CRLF ?
//   mail a@contoso.com             an event; questions are mail, rcpt, data and end ! 250 2.1.0
//   Sender OK            the verdict on the question above; !! also closes
//
// C lines know \r \n \t \0 \\ \xHH and \{300*ab} (ab, 300 times). What the server did is a trace:
// reply lines and events in the order in which they came, the same for every cutting of the
// client's bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/server.h"

namespace relais::smtp::test {

struct Answer {
  Verdict verdict;
  std::string text;  // what verdict.reply.text views
};

struct Dialogue {
  std::string title;
  std::vector<std::string> option_lines;
  ServerOptions options;
  bool xclient = false;                   // "option xclient true"
  std::vector<std::string> client_lines;  // as in the file, with "C: " or "C- "
  std::string input;                      // all that they say
  std::vector<Answer> answers;            // one a question
  std::vector<std::string> trace;         // expected: S, ? and ! lines
};

// Fails the running test and returns what it has when the file is badly written.
Dialogue read_dialogue(const std::string& path);
std::string unescape(std::string_view text);
std::string escape(std::string_view bytes);

// Feeds `pieces` one after the other, each from memory of its own that ends with the piece, so that
// a view kept too long or a byte read too far is seen by the address sanitizer. `answers` are used
// up in order; when there are none left: `otherwise`.
using Trace = std::vector<std::string>;
class Replay {
 public:
  Replay(const ServerOptions& options, std::vector<Answer> answers, bool xclient = false);
  // From now on another Server goes on with it wherever one stands.
  void move_always() { moves_ = true; }
  void feed(std::string_view piece);
  // The lines since the last call.
  Trace take_trace();
  // Content lines are not shown until their message ends; nothing of a refused message is.
  Server& server() { return *server_; }
  bool closed() const { return closed_; }

 private:
  void lend(std::string_view bytes);
  void move();
  void note_output();
  void note(const Event& event);
  void note_extensions();
  void decide(const Event& event);

  ServerOptions options_;
  std::vector<Answer> answers_;
  size_t next_answer_ = 0;
  std::string client_;  // another one, by XCLIENT
  std::unique_ptr<Server> server_;
  std::unique_ptr<char[]> memory_;  // what is lent to it
  bool moves_ = false;
  std::string body_;
  Trace trace_;
  bool closed_ = false;
};

Trace replay(const Dialogue& dialogue, const std::vector<size_t>& cuts, bool moves = false);
std::string join(const Trace& trace);

// The file as it should read if the server is right.
std::string rewritten(const Dialogue& dialogue);

}  // namespace relais::smtp::test
