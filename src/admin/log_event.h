// One line of the message log (message_log.h) read back: what relais replay needs of it. A value,
// filled anew for each line, so that reading allocates nothing once its strings have grown. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"

namespace relais::admin {

struct LogEvent {
  enum class Kind : uint8_t {
    kMessage,  // taken ("message"), or taken and thrown away ("discarded")
    kRefused,
    kLimited,  // a limit made somebody wait, or (shadow) would have done something
    kOther,    // deliveries, hosts, resources: nothing that a client did; only `time` is set
  };
  Kind kind = Kind::kOther;
  WallTime time;
  std::string connector;  // empty: none
  Endpoint client;
  std::optional<Endpoint> local;        // older logs do not have it
  std::optional<Duration> session_age;  // nor this
  std::string sender;                   // empty: <>, or not known
  std::vector<std::string> recipients;  // of kRefused the one that was refused
  std::optional<uint64_t> size;
  Duration since_mail;  // kMessage
  // ---- kRefused
  std::string command;  // "connect", "MAIL", "RCPT", "DATA", ...
  uint16_t code = 0;
  // ---- kRefused by a limit, kLimited
  std::string limit;    // "messages/source"; empty: refused for another reason
  bool shadow = false;  // kLimited

  // False: it is no line of the log, and `problem` says why.
  [[nodiscard]] bool read(std::string_view line, std::string& problem);
};

}  // namespace relais::admin
