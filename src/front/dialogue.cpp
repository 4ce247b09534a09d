#include "front/dialogue.h"

#include <array>
#include <cstdio>
#include <utility>

#include "base/assert.h"

namespace relais::front {
namespace {

constexpr std::string_view kMicrosoft = "ms-Exch-";
constexpr std::string_view kAcceptHeaders = "Accept-Headers-";

// "ms-Exch-SMTP-Accept-Any-Recipient" is SMTPAcceptAnyRecipient in Exchange's logs, and
// "ms-Exch-Accept-Headers-Routing" AcceptRoutingHeaders.
void append_token(std::string& text, policy::Right right) {
  std::string_view name = policy::name_of(right);
  if (name.starts_with(kMicrosoft)) name.remove_prefix(kMicrosoft.size());
  if (!text.empty()) text += ' ';
  if (name.starts_with(kAcceptHeaders)) {
    text.append("Accept").append(name.substr(kAcceptHeaders.size())).append("Headers");
    return;
  }
  for (const char c : name) {
    if (c != '-') text += c;
  }
}

}  // namespace

Dialogue::Dialogue(DialogueSink& sink, DialogueSink::Watchers watchers, uint64_t session,
                   const Client& client)
    : sink_(sink),
      watchers_(std::move(watchers)),
      session_(session),
      connector_(client.connector),
      local_(client.local.to_string()),
      remote_(client.remote.to_string()) {}

void Dialogue::tell(WallTime now, DialogueEvent event, std::string_view data,
                    std::string_view context) {
  sink_.on_line(watchers_, {.time = now,
                            .connector = connector_,
                            .session = session_,
                            .sequence = sequence_++,
                            .local = local_,
                            .remote = remote_,
                            .event = event,
                            .data = data,
                            .context = context});
}

void Dialogue::rights(WallTime now, policy::Principal principal, policy::Rights rights) {
  if (std::exchange(rights_told_, true) && principal == principal_) return;
  principal_ = principal;
  std::string text;
  for (const policy::Right right : policy::all_rights()) {
    if (has(rights, right)) append_token(text, right);
  }
  note(now, text.empty() ? "None" : text, "Set Session Permissions");
}

void Dialogue::tell_replies(WallTime now, std::string_view waiting) {
  for (std::string_view rest = waiting.substr(std::min(told_, waiting.size())); !rest.empty();) {
    const size_t end = rest.find("\r\n");
    ASSERT(end != std::string_view::npos);
    const std::string_view line = rest.substr(0, end);
    redaction_.reply(line);
    tell(now, DialogueEvent::kReply, line, {});
    rest.remove_prefix(end + 2);
  }
}

void Dialogue::command(WallTime now, std::string_view line, std::string_view waiting) {
  tell_replies(now, waiting);
  told_ = waiting.size();
  tell(now, DialogueEvent::kCommand, redaction_.command(line), {});
}

void Dialogue::left(WallTime now, std::string_view leaving) {
  tell_replies(now, leaving);
  told_ -= std::min(told_, leaving.size());
}

std::string tarpit_text(Duration wait) {
  const int64_t ms = wait.ms();
  const int64_t s = ms / 1000;
  std::array<char, 64> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "Tarpit for '%lld.%02d:%02d:%02d",
                    static_cast<long long>(s / 86400), static_cast<int>(s / 3600 % 24),
                    static_cast<int>(s / 60 % 60), static_cast<int>(s % 60));
  std::string out(text.data(), static_cast<size_t>(length));
  if (ms % 1000 != 0) {
    std::snprintf(text.data(), text.size(), ".%03d", static_cast<int>(ms % 1000));
    out += text.data();
  }
  return out += '\'';
}

}  // namespace relais::front
