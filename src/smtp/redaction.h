// What of an SMTP dialogue may be shown to people: command lines without secrets and without what
// may be content. The answer of AUTH and all lines up to its last reply are withheld. So is what
// follows a verb that is not SMTP's: clients that pipeline send content behind a DATA that was
// refused, and passwords behind an AUTH that was, and a server takes both for commands. In doubt a
// line is withheld: behind AUTH, DATA, BDAT and anything unknown, until a line that can only be a
// command.
//
// Pure, one a session; cannot fail. Lines are as long as the server takes them (kLineMax).
#pragma once

#include <string>
#include <string_view>

namespace relais::smtp {

// In place of what is not shown.
inline constexpr std::string_view kWithheld = "(withheld)";

class Redaction {
 public:
  // Of a command line without its CRLF, any octets; the octets that are left are the client's.
  // Valid until the next call, as long as `line` is.
  [[nodiscard]] std::string_view command(std::string_view line);
  // To be told of all lines of all replies, each before the command behind it.
  void reply(std::string_view line);

 private:
  struct Shown {
    size_t octets;  // of the line; the rest is withheld
    bool certain;   // it can only be a command
  };
  [[nodiscard]] Shown judge(std::string_view line) const;

  bool in_auth_ = false;   // from AUTH to a reply that is not 334
  bool doubtful_ = false;  // the next line may be a secret, or content
  std::string shown_;
};

}  // namespace relais::smtp
