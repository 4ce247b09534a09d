#include <cstdio>

#include "admin/explanation.h"
#include "admin/live_server.h"
#include "admin/notices.h"
#include "config/values.h"
#include "main/commands.h"

namespace relais {
namespace {

int wrong_use(const std::string& what) {
  admin::say("relais explain: {}\n", what);
  return 2;
}

}  // namespace

int explain(const ExplainArguments& arguments) {
  admin::Question question;
  const auto local = Endpoint::parse(arguments.local);
  if (!local) {
    return wrong_use('\'' + arguments.local +
                     "' is no address and port, such as 0.0.0.0:25 or [::]:25 (--local)");
  }
  const auto remote = IpAddress::parse(arguments.remote);
  if (!remote) return wrong_use('\'' + arguments.remote + "' is no IP address (--remote)");
  question.local = *local;
  question.remote = *remote;
  question.sender = arguments.mail_from;
  question.recipients = arguments.rcpt_to;
  question.hello = arguments.hello;
  question.user = arguments.user;
  question.tls = arguments.tls || !arguments.certificate_name.empty();
  question.certificate_name = arguments.certificate_name;
  if (!arguments.xclient.empty()) {
    question.named = IpAddress::parse(arguments.xclient);
    if (!question.named)
      return wrong_use('\'' + arguments.xclient + "' is no IP address (--xclient)");
  }
  if (arguments.size) {
    question.size = config::parse_size(*arguments.size);
    if (!question.size)
      return wrong_use('\'' + *arguments.size + "' is no size, such as 4096 or 36MB (--size)");
  }
  const config::Loaded loaded = config::load(arguments.folder);
  if (!loaded.ok) {
    for (const auto& finding : loaded.findings) admin::say("{}\n", config::to_string(finding));
    admin::say("relais explain: the configuration in {} is not valid\n", arguments.folder);
    return 1;
  }
  if (const std::string wrong = admin::what_is_wrong_with(question, loaded.model); !wrong.empty())
    return wrong_use(wrong);
  admin::Explanation explanation = admin::explain(loaded, question);
  const std::string& data_dir = loaded.model.server.data_dir;
  if (const auto use = admin::read_usage(data_dir)) {
    admin::add_present_levels(explanation, *use);
    if (use->running) {
      const auto figures = admin::live_figures_from_json(admin::ask_live(data_dir).json);
      if (figures && figures->pid == use->pid)
        admin::add_present_levels(explanation, *figures, question.named.value_or(*remote));
    }
    const auto overrides = admin::read_overrides(data_dir);
    if (use->running && overrides && overrides->pid == use->pid)
      admin::add_overrides(explanation, *overrides);
  }
  const std::string text = arguments.json ? admin::to_json(explanation, question)
                                          : admin::to_text(explanation, question);
  std::fputs(text.c_str(), stdout);
  return explanation.accepted ? 0 : 1;
}

}  // namespace relais
