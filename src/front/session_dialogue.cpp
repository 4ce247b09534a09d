// The dialogue of a session, for those who watch it (dialogue.h). Of most sessions there is none.
#include <algorithm>

#include "base/assert.h"
#include "front/front.h"

namespace relais::front {

// Microseconds and the core: unique also over restarts, as long as the clock is right.
uint64_t Front::next_dialogue_number() {
  constexpr unsigned kCoreBits = 10;
  const auto now = static_cast<uint64_t>(loop_.wall_now().ns / 1000);
  last_dialogue_ = std::max(last_dialogue_ + 1, now);
  return last_dialogue_ << kCoreBits | options_.core;
}

std::unique_ptr<Dialogue> Front::watched_dialogue(const Client& client,
                                                  const policy::ReceiveConnector* connector) {
  if (dialogues_ == nullptr) return nullptr;
  const bool verbose = connector != nullptr && connector->protocol_logging_verbose;
  auto watchers = dialogues_->watchers(client, verbose);
  if (watchers.none()) return nullptr;
  auto dialogue =
      std::make_unique<Dialogue>(*dialogues_, std::move(watchers), next_dialogue_number(), client);
  dialogue->opened(loop_.wall_now());
  return dialogue;
}

void Front::begin_dialogue(Session& session) {
  session.dialogue = watched_dialogue(client_of(session), &session.receive_connector());
  if (session.dialogue != nullptr) note_rights(session);
}

void Front::note_rights(Session& session) {
  const auto& snapshot = session.policy->policy->snapshot();
  session.dialogue->rights(loop_.wall_now(), session.principal,
                           snapshot.rights(session.connector, session.principal));
}

void Front::show_command(Session& session, std::string_view line) {
  note_rights(session);
  session.dialogue->command(loop_.wall_now(), line, session.server.output());
}

// A connection that never becomes a session. `reply`: null when none was given.
void Front::show_refused_connection(const Client& client, const policy::ReceiveConnector* connector,
                                    const smtp::Reply* reply, std::string_view reason) {
  const auto dialogue = watched_dialogue(client, connector);
  if (dialogue == nullptr) return;
  const WallTime now = loop_.wall_now();
  dialogue->note(now, reason, "refused");
  std::string line;
  if (reply != nullptr) append_reply(line, *reply, true);
  dialogue->left(now, line);
  dialogue->closed(now, true);
}

}  // namespace relais::front
