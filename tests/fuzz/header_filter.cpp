// The header firewall, on any octets in any segmentation.
// What passes does not depend on the cuts; of legal content it is what the tests' oracle lets pass,
// which knows no cuts; and what has passed once passes again unchanged.
#include "smtp/header_filter.h"

#include "fuzz/dialogue_seeds.h"
#include "smtp/from_domains.h"
#include "smtp/header_oracle.h"

namespace relais::fuzz {
namespace {

using namespace relais::smtp;
using smtp::test::Filtered;

constexpr size_t kOracleOctetsMax = 700;  // it is slow, and its regular expressions recurse

const smtp::test::Names& names() {
  static const smtp::test::Names kNames(
      {{"chris@contoso.com", "Chris Green"}, {"zoe@contoso.com", "Zo\xc3\xab"}});
  return kNames;
}

HeaderRules rules_from(uint8_t choice) {
  HeaderRules rules;
  rules.keep_routing = (choice & 1) != 0;
  rules.keep_organization = (choice & 2) != 0;
  rules.keep_forest = (choice & 4) != 0;
  rules.stamped = (choice & 8) != 0;
  rules.watch_from = (choice & 16) != 0;
  if ((choice & 32) == 0) rules.display_names = &names();
  rules.own_names = {"relay.contoso.com", "192.0.2.1"};
  return rules;
}

std::string shown(const Filtered& filtered) {
  return filtered.out + "\noctets " + std::to_string(filtered.octets) + " hops " +
         std::to_string(filtered.hops) + " local " + std::to_string(filtered.local_hops);
}

Filtered filtered(std::string_view content, const std::vector<size_t>& cuts,
                  const HeaderRules& rules, std::string* from = nullptr) {
  HeaderFilter filter;
  Filtered result;
  filter.reset(rules);
  const auto take_all = [&] {
    std::string_view piece;
    while (filter.take(piece)) {
      must(!piece.empty(), "no piece is empty");
      result.out += piece;
    }
    must(filter.needs_input(), "all input is used up");
  };
  bool line_start = false;
  in_pieces(content, cuts, [&](std::string_view piece) {
    // The canary: a read that begins with a folded line is not known to go on with a field.
    if (kCanary && line_start && (piece.starts_with(' ') || piece.starts_with('\t')))
      result.out += piece.substr(0, piece.find('\n'));
    const Exactly memory(piece);
    filter.feed(memory.view());
    take_all();
    if (!piece.empty()) line_start = piece.ends_with('\n') && !filter.header_ended();
  });
  filter.finish();
  take_all();
  must(filter.finished(), "the content ends");
  result.octets = filter.octets();
  result.hops = filter.hops();
  result.local_hops = filter.local_hops();
  if (from != nullptr) *from = filter.from_values();
  return result;
}

// The octets as content that a server takes: CRLF, dot-stuffed, and nothing that a regular
// expression sees otherwise than we do.
std::string legal(std::string_view text) {
  std::string content;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line;
    for (const char c : text.substr(0, end))
      if (c != '\r') line += c == '\t' || (c >= ' ' && c <= '~') ? c : 'x';
    if (line == ".") line += '.';
    content += line + "\r\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return content;
}

}  // namespace

Material material() {
  Material all;
  const std::string headers[] = {
      "Received: from a by relay.contoso.com with SMTP; now\r\nSubject: x\r\n\r\nReceived: "
      "body\r\n",
      "Received:\r\n a\r\n\tb\r\n \r\nTo: y\r\n\r\n",
      "RECEIVED \t : a\r\n b\r\nTo: y\r\n",
      "Received\r\n : by 192.0.2.1\r\nTo: y\r\n",
      "Received: (a (b) by c) by [IPv6:192.0.2.1] id 1\r\n for <a@b>; now\r\n\r\n",
      "Resent-Date: a\r\nResent-From: b\r\nresent-message-id: g\r\nResent-Reply-To: h\r\n\r\n",
      "X-MS-Exchange-Organization-SCL: -1\r\nx-ms-exchange-forest-RulesExecuted : y\r\n\r\n",
      "X-MS-Exchange-Organization-\r\n AuthAs: Internal\r\nTo: y\r\n\r\n",
      "X-MS-Exchange-Organization-AuthAs\r\n\t: Internal\r\nTo: y\r\n\r\n",
      ".X-MS-Exchange-Organization-AuthAs: Internal\r\n. more\r\n.To: y\r\n\r\n",
      "..Received: a\r\n\r\n",
      "hello world\r\nReceived: a\r\nTo: y\r\n\r\n",
      " text\r\nReceived: a\r\n",
      "From: chris@contoso.com\r\nTo: y\r\n\r\ntext\r\n",
      "From: <zoe@contoso.com>\r\nReceived: a\r\nFrom: b\r\n\r\n",
      "To: a\r\nFROM :\r\n chris@contoso.com\r\n\r\n"};
  for (const std::string& header : headers)
    for (const uint8_t rules : {0, 8, 16, 32, 7}) all.seeds.push_back(seed(header, {rules}));
  all.dictionary = {"Received",
                    "Resent-Date",
                    "Resent-Message-ID",
                    "X-MS-Exchange-Organization-",
                    "X-MS-Exchange-Forest-",
                    "AuthAs",
                    "AuthSource",
                    "AuthMechanism",
                    "From",
                    "from: ",
                    "chris@contoso.com",
                    "zoe@contoso.com",
                    ":",
                    "\r\n ",
                    "\r\n\t",
                    "\r\n.",
                    "\r\n\r\n",
                    " by ",
                    "relay.contoso.com",
                    "192.0.2.1",
                    "[IPv6:",
                    "(",
                    ")",
                    ";",
                    "<",
                    ">"};
  return all;
}

void try_one(Input& input) {
  const HeaderRules rules = rules_from(input.byte());
  const std::vector<size_t> cuts = input.cuts();
  const std::string_view raw = input.text();
  std::string from_whole, from_cut;
  const Filtered whole = filtered(raw, {}, rules, &from_whole);
  must_equal(shown(filtered(raw, cuts, rules, &from_cut)), shown(whole),
             "what passes does not depend on the cuts");
  must_equal(from_cut, from_whole, "what From says does not depend on the cuts");
  [[maybe_unused]] const auto domains = from_domains(from_whole);

  const std::string content = legal(raw.substr(0, kOracleOctetsMax));
  const Filtered once = filtered(content, {}, rules);
  must_equal(shown(once), shown(smtp::test::oracle(content, rules)), "the oracle says the same");
  must_equal(filtered(once.out, {}, rules).out, once.out, "what has passed passes again");
}

}  // namespace relais::fuzz
