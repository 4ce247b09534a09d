// The dialogue of an explanation: a real smtp::Server with the connector's own options, asked by a
// client that sends what the question says, and answered by the real policy snapshot. Internal to
// explanation.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/explanation.h"
#include "front/serving_policy.h"
#include "smtp/server.h"

namespace relais::admin {

class ExplainedDialogue {
 public:
  ExplainedDialogue(const front::ServingPolicy& policy, uint32_t connector,
                    policy::Principal principal, bool in_tls, const config::ConnectorLines& lines,
                    const Question& question);
  // Until the first refusal that leaves nothing to go on with.
  [[nodiscard]] std::vector<Explanation::Step> run();
  // Those that were accepted.
  [[nodiscard]] const std::vector<std::string>& recipients() const { return recipients_; }
  // As whom the session ran in the end.
  [[nodiscard]] policy::Principal principal() const { return principal_; }
  // What a client hears that no connector serves.
  [[nodiscard]] static Explanation::Step refused_connection();

 private:
  // False: nothing follows.
  [[nodiscard]] bool open();
  [[nodiscard]] bool log_on();
  void become(policy::Principal principal);
  Explanation::Step& say(const std::string& command);
  void take_events(Explanation::Step& step);
  void answer(const smtp::Event& question, Explanation::Step& step);
  void decide_logon(Explanation::Step& step);
  void refuse_auth(const smtp::Reply& reply, Explanation::Step& step) const;
  void decide(const policy::Decision& decision, const smtp::Reply& accepted, bool is_sender,
              Explanation::Step& step);
  [[nodiscard]] std::string taken_text() const;
  [[nodiscard]] policy::Proof proof() const;
  void send_content(Explanation::Step& step);
  [[nodiscard]] std::string cure_for(const policy::Decision& decision, bool is_sender) const;
  [[nodiscard]] std::string cure_for(const smtp::Reply& reply) const;
  [[nodiscard]] std::string cure_for_right(policy::Principal principal, policy::Right right) const;
  [[nodiscard]] std::string place_of(std::string_view key) const;

  const front::ServingPolicy& policy_;
  uint32_t connector_;
  policy::Principal principal_;
  const config::ConnectorLines& lines_;
  const Question& question_;
  std::string client_;
  const smtp::ServerOptions* options_;  // of principal_
  smtp::Server server_;
  std::vector<Explanation::Step> steps_;
  std::vector<std::string> recipients_;
  std::string input_;  // what the server is being fed
};

}  // namespace relais::admin
