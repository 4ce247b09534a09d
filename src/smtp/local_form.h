// From wire form (dot-stuffed, CRLF) to the form of files on this system (dots unstuffed, LF), for
// delivery into a Maildir. Streams over any cutting; at most one octet (a CR) is held between
// calls. Input is content that the scanner found legal; a bare CR would be kept as it is.
#pragma once

#include <span>
#include <string>

namespace relais::smtp {

class LocalForm {
 public:
  void reset() { *this = {}; }
  // Appends what `wire` becomes. Legal content ends with CRLF, so nothing is left behind at its
  // end.
  void append(std::string& out, std::span<const char> wire);

 private:
  bool line_start_ = true;
  bool cr_ = false;  // held: CR that waits for its LF
};

}  // namespace relais::smtp
