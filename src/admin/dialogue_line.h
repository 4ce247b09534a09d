// A line of a dialogue as text: CSV for the protocol log (exchange-reference.md section 7.4), JSON
// for those who trace. Pure.
#pragma once

#include <string>
#include <string_view>

#include "front/dialogue_sink.h"

namespace relais::admin {

// Octets of data or context; of longer ones the first are shown, and how many there were.
inline constexpr size_t kDialogueTextMax = 1024;

// Printable ASCII as it is, a backslash doubled, all else as \xHH.
void append_escaped(std::string& out, std::string_view text);

// date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,
// context and LF. connector-id is SERVER\Connector.
void append_csv(std::string& out, std::string_view server, const front::DialogueLine& line);

// {"time":...,"connector":...,"session":...,"sequence":...,"local":...,"remote":...,"event":...,
// "data":...,"context":...} and LF.
void append_json(std::string& out, const front::DialogueLine& line);

// 16 hex digits, as in Exchange's logs.
[[nodiscard]] std::string session_text(uint64_t session);

// The first label of a host name in capitals: what Exchange would call the server.
[[nodiscard]] std::string server_label(std::string_view fqdn);

}  // namespace relais::admin
