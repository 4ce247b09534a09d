#include "admin/dialogue_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "admin/json_line.h"
#include "base/clock.h"

namespace relais::admin {
namespace {

bool needs_escape(char c) { return c < ' ' || c > '~' || c == '\\'; }

void append_field(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  out += '"';
}

void append_escaped_field(std::string& out, std::string_view text, std::string& scratch) {
  if (text.size() <= kDialogueTextMax && std::ranges::none_of(text, needs_escape))
    return append_field(out, text);
  scratch.clear();
  append_escaped(scratch, text);
  append_field(out, scratch);
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  const std::string_view shown = text.substr(0, kDialogueTextMax);
  for (const char c : shown) {
    if (c == '\\') {
      out += "\\\\";
    } else if (needs_escape(c)) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint8_t>(c));
    } else {
      out += c;
    }
  }
  if (shown.size() < text.size())
    fmt::format_to(std::back_inserter(out), "... ({} octets)", text.size());
}

void append_csv(std::string& out, std::string_view server, const front::DialogueLine& line) {
  std::string scratch(server);
  scratch.append(1, '\\').append(line.connector);
  out.append(iso8601(line.time)).append(1, ',');
  append_field(out, scratch);
  fmt::format_to(std::back_inserter(out), ",{:016X},{},{},{},{},", line.session, line.sequence,
                 line.local, line.remote, static_cast<char>(line.event));
  append_escaped_field(out, line.data, scratch);
  out += ',';
  append_escaped_field(out, line.context, scratch);
  out += '\n';
}

void append_json(std::string& out, const front::DialogueLine& line) {
  std::string data;
  append_escaped(data, line.data);
  std::string context;
  append_escaped(context, line.context);
  const char event = static_cast<char>(line.event);
  JsonLine(out)
      .text("time", iso8601(line.time))
      .text("connector", line.connector)
      .text("session", session_text(line.session))
      .number("sequence", line.sequence)
      .text("local", line.local)
      .text("remote", line.remote)
      .text("event", {&event, 1})
      .text("data", data)
      .text("context", context);
}

std::string session_text(uint64_t session) { return fmt::format("{:016X}", session); }

std::string server_label(std::string_view fqdn) {
  std::string label(fqdn.substr(0, fqdn.find('.')));
  for (char& c : label) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return label;
}

}  // namespace relais::admin
