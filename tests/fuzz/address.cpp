// Mailbox paths of MAIL and RCPT, domains and literals, IP addresses, endpoints, ranges.
// What is taken apart fits together again, stays within its limits and has no control in it; and an
// address that our server takes is one command of our client, for the same address.
#include "base/ip.h"
#include "fuzz/dialogue_seeds.h"
#include "policy/address_range.h"
#include "smtp/command_line.h"
#include "smtp/dsn.h"
#include "smtp/hop_commands.h"
#include "smtp/path.h"
#include "smtp/server.h"

namespace relais::fuzz {
namespace {

using namespace relais::smtp;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0 && c < ' ') || c == 127; });
}

std::string as_written(const Path& path) {
  std::string address(path.address);
  // The canary: quotes that some other program would not need are left out.
  if (kCanary && path.local.starts_with("\"") &&
      path.local.find_first_of("%!+=#") != std::string_view::npos)
    address =
        std::string(path.local.substr(1, path.local.size() - 2)) + '@' + std::string(path.domain);
  return '<' + address + '>';
}

void judge_parts(const Path& path) {
  must(path.address.size() <= kAddressMax && path.local.size() <= kLocalMax &&
           path.domain.size() <= kDomainMax,
       "an address is within its limits", path.address);
  must(!has_control(path.address), "an address has no control in it", path.address);
  const bool ascii =
      std::none_of(path.address.begin(), path.address.end(), [](char c) { return c < 0; });
  must(path.utf8 == !ascii, "a path says whether it is all ASCII", path.address);
  if (path.is_null()) return;
  std::string whole(path.local);
  if (!path.domain.empty()) whole += '@' + std::string(path.domain);
  must(path.address == whole || path.address == whole + '.', "its parts are the address",
       path.address);
  must(path.domain.empty() || !ascii || is_domain_or_literal(path.domain),
       "its domain is one by itself", path.domain);
}

// What our client says for this recipient, our server hears.
void judge_pair(const Path& path) {
  ServerOptions options;
  Server server(options, "192.0.2.1");
  server.greet("now");
  std::string said = "EHLO x\r\nMAIL FROM:<> SMTPUTF8\r\n";
  append_recipient(said, {}, path.address, {}, true);
  server.feed(said);
  for (;;) {
    const Event event = server.next();
    must(event.kind != Event::Kind::kNeedInput && event.kind != Event::Kind::kRefused,
         "our server takes what our client says", said);
    if (event.kind == Event::Kind::kMail) server.answer({replies::kSenderOk, false});
    if (event.kind != Event::Kind::kRecipient) continue;
    must_equal(event.path.address, path.address, "our server hears what our client says");
    return;
  }
}

void try_path(std::string_view text, PathRole role) {
  const Exactly memory(text);
  std::string_view rest = memory.view();
  Path path;
  if (!take_path(rest, role, path)) return;
  must(memory.view().ends_with(rest), "the rest is what was not taken", text);
  judge_parts(path);
  must(!path.is_null() || role == PathRole::kReverse, "nobody is no recipient", text);

  const std::string again = as_written(path);
  std::string_view written = again;
  Path same;
  must(take_path(written, role, same) && written.empty(), "a path written out is a path", again);
  must_equal(same.address, path.address, "a path written out is the same");
  must(same.local == path.local && same.domain == path.domain && same.utf8 == path.utf8,
       "so are its parts", again);
  if (role == PathRole::kForward) judge_pair(path);
}

void try_numbers(std::string_view text) {
  const Exactly memory(text);
  if (const auto address = IpAddress::parse(memory.view())) {
    must(IpAddress::parse(address->to_string()) == address, "an IP address written out is the same",
         text);
  }
  if (const auto endpoint = Endpoint::parse(memory.view())) {
    must(Endpoint::parse(endpoint->to_string()) == endpoint, "an endpoint written out is the same",
         text);
  }
  if (const auto range = policy::AddressRange::parse(memory.view())) {
    must(policy::AddressRange::parse(range->to_string()) == range,
         "a range written out is the same", text);
  }
}

}  // namespace

Material material() {
  Material all{{},
               {"<",      ">",  "@",       "\"",  "\\",         ".",           "[",    "]",
                "[IPv6:", "::", "/24",     "-",   "postmaster", "contoso.com", "xn--", "\xc3\xa9",
                "%",      "!",  " SIZE=1", "a@b", "192.0.2.1",  "2001:db8::1", "255",  "ffff"}};
  for (const std::string& said : said_in_dialogues(20'000)) {
    for (size_t at = 0; (at = said.find_first_of(':', at)) != std::string::npos;) {
      const size_t end = std::min(said.find("\r\n", ++at), said.size());
      if (end - at < 700) all.seeds.push_back(seed(said.substr(at, end - at)));
    }
  }
  std::sort(all.seeds.begin(), all.seeds.end());
  all.seeds.erase(std::unique(all.seeds.begin(), all.seeds.end()), all.seeds.end());
  for (const char* text :
       {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1:25", "[2001:db8::1]:25",
        "10.0.0.0/8", "2001:db8::/32", "10.0.0.5-10.0.0.9", "10.0.0.0(255.0.0.0)", "::", "::1-::9"})
    all.seeds.push_back(seed(text));
  return all;
}

void try_one(Input& input) {
  const std::string_view text = input.text();
  try_numbers(text);
  if (!is_clean_utf8(text)) return;  // no other line gets that far
  try_path(text, PathRole::kForward);
  try_path(text, PathRole::kReverse);
  must(!is_domain_or_literal(text) || (text.size() < 600 && !has_control(text)),
       "a domain has no control in it", text);
  must(!is_xtext(text) || !has_control(text), "xtext has no control in it", text);
  must(!is_envid(text) || (is_xtext(text) && text.size() <= kEnvidMax), "an envid is xtext", text);
  must(!is_orcpt(text) || (!has_control(text) && text.find(' ') == std::string_view::npos),
       "an orcpt is one word", text);
}

}  // namespace relais::fuzz
