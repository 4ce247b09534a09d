// Reads the value of a Received field octet by octet, cut anywhere, and says whether its "by" part
// names one of the given hosts: the words behind "by", with those of comments in it
// ("by relay.contoso.com (192.168.5.1) with ..."). Words elsewhere, as in "from", are the client's
// to choose and do not count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::smtp {

class ReceivedBy {
 public:
  // Behind the colon. `names`: lower case; borrowed until stop().
  void begin(const std::vector<std::string>& names);
  void stop() { part_ = Part::kOver; }
  // False: the rest of the field says nothing more.
  [[nodiscard]] bool active() const { return part_ != Part::kOver; }
  // The next octets of the field, line ends and all. True: a name was found just now (once a
  // field).
  bool scan(std::string_view value);

 private:
  enum class Part : uint8_t { kBefore, kBy, kOver };
  bool end_of_word(std::string_view word);

  const std::vector<std::string>* names_ = nullptr;
  Part part_ = Part::kOver;
  uint32_t depth_ = 0;  // of comments
  std::string word_;    // lower case; of one that is too long for a name, more than a name may have
};

}  // namespace relais::smtp
