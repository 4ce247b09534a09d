// What a client may send to the server, in any segmentation.
// However it is cut, the replies and events are the same; no content holds a line that is a lone
// dot; content taken with DATA stands in the input as it is, with CRLF.CRLF and nothing else behind
// it.
#include "smtp/server.h"

#include "base/prng.h"
#include "fuzz/dialogue_seeds.h"

namespace relais::fuzz {
namespace {

using namespace relais::smtp;
using smtp::test::Answer;
using smtp::test::Replay;
using smtp::test::Trace;

std::vector<Answer> answers_from(uint8_t choice) {
  static constexpr Reply kAnswers[] = {
      {250, {2, 0, 0}, ""}, {451, {4, 3, 0}, ""}, {550, {5, 7, 1}, ""}, {421, {4, 3, 2}, ""}};
  std::vector<Answer> answers;
  if (choice == 0) return answers;
  Prng prng(choice);
  for (int i = 0; i < 30; ++i) {
    const Reply& reply = kAnswers[prng.one_in(4) ? prng.below(std::size(kAnswers)) : 0];
    answers.push_back({{reply, reply.code == 421}, "text \xff\r\nfrom a next hop"});
  }
  return answers;
}

// All choices 0: what a connector has by default, but that no field is removed.
ServerOptions options_from(Input& input) {
  const uint8_t protocol = input.byte();
  const uint8_t limits = input.byte();
  ServerOptions options;
  options.fqdn = "relay.contoso.com";
  options.reject_bare_line_ends = (protocol & 1) == 0;
  options.chunking = (protocol & 2) == 0;
  options.binary_mime = (protocol & 4) == 0;
  options.smtp_utf8 = (protocol & 8) == 0;
  options.exch50 = (protocol & 16) != 0;
  options.auth = (protocol & 32) != 0;
  options.auth_needs_tls = false;
  options.starttls = (protocol & 64) != 0;
  options.enhanced_status_codes = options.dsn = (protocol & 128) == 0;
  if (limits & 1) options.max_recipients = 2;
  if (limits & 2) options.max_message_size = 200;
  if (limits & 4) options.max_header_size = 100;
  options.max_protocol_errors = (limits & 8) ? 2 : UINT32_MAX;
  if (limits & 16) options.max_hop_count = 2;
  options.require_ehlo_domain = (limits & 32) != 0;
  const bool keeps = (limits & 64) == 0;
  options.header.keep_routing = options.header.keep_organization = keeps;
  options.header.keep_forest = keeps;
  options.header.stamped = !keeps;
  return options;
}

Trace replay(const ServerOptions& options, const std::vector<Answer>& answers,
             std::string_view input, const std::vector<size_t>& cuts) {
  Replay session(options, answers);
  size_t fed = 0;
  in_pieces(input, cuts, [&](std::string_view piece) {
    const std::string_view before = input.substr(0, fed);
    fed += piece.size();
    // The canary: a reader that looks for the end of content piece by piece and forgets, at the
    // edge of one, that it is in the middle of it.
    if (kCanary && before.ends_with("\r\n.\r") && piece.starts_with('\n')) piece.remove_prefix(1);
    session.feed(piece);
  });
  return session.take_trace();
}

void judge_content(const std::string& content, std::string_view input, bool as_it_came) {
  must(!content.starts_with(".\r\n") && content.find("\r\n.\r\n") == std::string::npos,
       "no line of content is a lone dot", content);
  if (!as_it_came) return;
  must(content.empty() || content.ends_with("\r\n"), "content ends with a line end", content);
  must(input.find(content + ".\r\n") != std::string_view::npos,
       "content is what was sent, up to its own end", content);
}

bool holds_bdat(std::string_view input) {
  static constexpr std::string_view kBdat = "bdat";
  return std::search(input.begin(), input.end(), kBdat.begin(), kBdat.end(),
                     [](char a, char b) { return (a | 0x20) == b; }) != input.end();
}

}  // namespace

Material material() {
  Material all{{}, smtp_words()};
  for (const std::string& said : said_in_dialogues(3000)) {
    all.seeds.push_back(seed(said));
    // The same with AUTH, STARTTLS and XEXCH50 on offer, and with fields that are removed.
    all.seeds.push_back(seed(said, {16 | 32 | 64, 64}));
  }
  return all;
}

void try_one(Input& input) {
  stop_at_failed_expectations();
  const ServerOptions options = options_from(input);
  const std::vector<Answer> answers = answers_from(input.byte());
  const std::string_view said = input.text();

  const Trace whole = replay(options, answers, said, {});
  must_equal(test::join(replay(options, answers, said, input.cuts())), test::join(whole),
             "the dialogue does not depend on how the octets are cut");

  const bool as_it_came =
      options.reject_bare_line_ends && options.header.keep_routing && !holds_bdat(said);
  static constexpr std::string_view kBody = "? body ";
  std::string content;
  for (const std::string& line : whole) {
    if (line.starts_with(kBody)) content += test::unescape(line.substr(kBody.size()));
    if (line != "? end") continue;
    judge_content(content, said, as_it_came);
    content.clear();
  }
}

}  // namespace relais::fuzz
