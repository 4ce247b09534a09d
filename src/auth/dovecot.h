// The client's side of Dovecot's authentication protocol (version 1; Dovecot's "Auth Protocol"
// document), sans I/O: bytes in, answers out, request lines to send. Fields are separated by tabs,
// lines end with LF. What the other side may send is bounded; anything else ends the conversation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authenticator.h"

namespace relais::auth {

class DovecotDialogue {
 public:
  struct Answer {
    uint32_t id = 0;
    Outcome outcome = Outcome::kNo;
    std::string user = {};  // as Dovecot knows it, of a yes; empty: it did not say
  };

  explicit DovecotDialogue(uint32_t process_id);

  // False: this is not Dovecot, or not a version or a set of mechanisms that we speak (problem()).
  [[nodiscard]] bool feed(std::string_view bytes, std::vector<Answer>& answers);
  // The other side has introduced itself: requests may be written.
  [[nodiscard]] bool ready() const { return ready_; }
  // `id`: not in use. Appends to output().
  void ask(uint32_t id, const Request& request);
  [[nodiscard]] std::string& output() { return output_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  [[nodiscard]] bool take(std::string_view line, std::vector<Answer>& answers);
  [[nodiscard]] bool take_version(std::string_view fields);
  [[nodiscard]] bool take_done();
  [[nodiscard]] bool fail(std::string what);

  std::string output_;
  std::string input_;  // of a line that has not ended
  std::string problem_;
  bool versioned_ = false;
  bool plain_ = false;
  bool ready_ = false;
};

}  // namespace relais::auth
