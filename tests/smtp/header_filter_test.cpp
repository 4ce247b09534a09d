// The header filter: cases by hand, each cut at every position; random headers against the oracle.
#include "smtp/header_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "base/prng.h"
#include "dialogue.h"
#include "header_oracle.h"
#include "smtp/from_domains.h"

namespace relais::smtp::test {
namespace {

Names& names() {
  static Names book({{"chris@contoso.com", "Chris Green"},
                     {"zoe@contoso.com", "Zo\xc3\xab"},
                     {"broken@contoso.com", "Bro\r\nken"}});
  return book;
}

// Each piece of input from memory of its own that ends with it.
Filtered filtered(std::string_view content, const std::vector<size_t>& cuts,
                  const HeaderRules& rules, HeaderFilter& filter) {
  Filtered result;
  filter.reset(rules);
  const auto take_all = [&] {
    std::string_view piece;
    while (filter.take(piece)) {
      EXPECT_FALSE(piece.empty());
      result.out += piece;
    }
    EXPECT_TRUE(filter.needs_input());
  };
  size_t from = 0;
  for (size_t n = 0; n <= cuts.size(); ++n) {
    const size_t to = n < cuts.size() ? cuts[n] : content.size();
    const auto memory = std::make_unique<char[]>(to - from);
    std::copy(content.begin() + static_cast<ptrdiff_t>(from),
              content.begin() + static_cast<ptrdiff_t>(to), memory.get());
    filter.feed({memory.get(), to - from});
    take_all();
    from = to;
  }
  filter.finish();
  take_all();
  EXPECT_TRUE(filter.finished());
  result.octets = filter.octets();
  result.hops = filter.hops();
  result.local_hops = filter.local_hops();
  return result;
}

Filtered filtered(std::string_view content, const std::vector<size_t>& cuts,
                  const HeaderRules& rules) {
  HeaderFilter filter;
  return filtered(content, cuts, rules, filter);
}

std::string shown(const Filtered& f) {
  return escape(f.out) + " octets " + std::to_string(f.octets) + " hops " + std::to_string(f.hops) +
         " local " + std::to_string(f.local_hops);
}

// Whole, cut once at every position, and octet by octet: all as the oracle has it.
std::string filtered_everyhow(std::string_view content, const HeaderRules& rules) {
  const std::string expected = shown(oracle(content, rules));
  EXPECT_EQ(shown(filtered(content, {}, rules)), expected) << escape(content);
  std::vector<size_t> all;
  for (size_t cut = 1; cut < content.size(); ++cut) {
    EXPECT_EQ(shown(filtered(content, {cut}, rules)), expected)
        << escape(content) << " cut at " << cut;
    all.push_back(cut);
  }
  EXPECT_EQ(shown(filtered(content, all, rules)), expected) << escape(content) << " by octets";
  return oracle(content, rules).out;
}

HeaderRules nothing_kept() { return {.keep_routing = false, .own_names = {}}; }

TEST(HeaderFilter, RemovesWholeFieldsThatTheRulesForbid) {
  struct Case {
    std::string_view content, out;
  };
  static const std::string kBlanks(300, ' ');
  static const std::string long_name = "Received" + kBlanks + "\r\nSubject: x\r\n\r\n";
  static const std::string other_long_name =
      "X-MS-Exchange-Organization-" + std::string(5000, 'x') + ": y\r\nSubject: x\r\n\r\n";
  static const std::string kept_long_name =
      "X-" + std::string(5000, 'x') + ": y\r\nReceived: x\r\n\r\n";
  static const std::string kept_long_out = "X-" + std::string(5000, 'x') + ": y\r\n\r\n";
  const Case cases[] = {
      {"", ""},
      {"\r\n", "\r\n"},
      {"Subject: x\r\n\r\ntext\r\n", "Subject: x\r\n\r\ntext\r\n"},
      {"Received: a\r\nSubject: x\r\n\r\nReceived: body\r\n",
       "Subject: x\r\n\r\nReceived: body\r\n"},
      {"Subject: x\r\nReceived: a\r\n\r\n", "Subject: x\r\n\r\n"},
      {"Received: a\r\n", ""},
      {"Received: a\r\n\r\n", "\r\n"},
      {"Received:\r\n a\r\n\tb\r\n \r\nTo: y\r\n\r\n", "To: y\r\n\r\n"},
      {"RECEIVED \t : a\r\n b\r\nTo: y\r\n", "To: y\r\n"},
      {"Received\r\n : a\r\nTo: y\r\n", "To: y\r\n"},
      {"Received\r\n \r\n\t:a\r\nTo: y\r\n", "To: y\r\n"},
      {"Received\r\nTo: y\r\n", "Received\r\nTo: y\r\n"},
      {"Received \r\n\r\n", "Received \r\n\r\n"},
      {"Received", "Received"},
      {"Received\r\n x: y\r\nTo: y\r\n", "Received\r\n x: y\r\nTo: y\r\n"},
      {"Received with thanks: a\r\n\r\n", "Received with thanks: a\r\n\r\n"},
      {"Received-SPF: pass\r\nReceive: a\r\nXReceived: a\r\n\r\n",
       "Received-SPF: pass\r\nReceive: a\r\nXReceived: a\r\n\r\n"},
      {"Resent-Date: a\r\nResent-From: b\r\nResent-Sender: c\r\nResent-To: d\r\nResent-Cc: e\r\n"
       "Resent-Bcc: f\r\nresent-message-id: g\r\nResent-Reply-To: h\r\nResent-: i\r\n"
       "Resent-Message: j\r\nResent-Tox: k\r\n\r\n",
       "Resent-Reply-To: h\r\nResent-: i\r\nResent-Message: j\r\nResent-Tox: k\r\n\r\n"},
      {"X-MS-Exchange-Organization-SCL: -1\r\nx-ms-exchange-forest-RulesExecuted : y\r\n\r\n",
       "\r\n"},
      {"X-MS-Exchange-Organization-: a\r\nX-MS-Exchange-Organization: b\r\n\r\n",
       "X-MS-Exchange-Organization: b\r\n\r\n"},
      {"X-MS-Exchange-Organization-\r\n AuthAs: Internal\r\nTo: y\r\n\r\n", "To: y\r\n\r\n"},
      {"X-MS-Exchange-Organization-AuthAs\r\n\t: Internal\r\nTo: y\r\n\r\n", "To: y\r\n\r\n"},
      {"X-MS-Exchange-Organization-no colon\r\nTo: y\r\n\r\n", "To: y\r\n\r\n"},
      {"X-MS-Exchange-CrossTenant-Id: a\r\n\r\n", "X-MS-Exchange-CrossTenant-Id: a\r\n\r\n"},
      // In wire form one dot in front is not part of the line.
      {".Received: a\r\nTo: y\r\n\r\n", "To: y\r\n\r\n"},
      {".X-MS-Exchange-Organization-AuthAs: Internal\r\n. more\r\n.To: y\r\n\r\n",
       ".To: y\r\n\r\n"},
      {"..Received: a\r\n\r\n", "..Received: a\r\n\r\n"},
      {"Received: a\r\n. b\r\n.c: d\r\n\r\n", ".c: d\r\n\r\n"},
      {"Received\r\n. : b\r\n..c: d\r\n\r\n", "..c: d\r\n\r\n"},
      {"Received\r\n.c: d\r\n\r\n", "Received\r\n.c: d\r\n\r\n"},
      {"Received: a\r\n..\r\n\r\n", "..\r\n\r\n"},
      // A line that is no field, or looks empty, does not end the block.
      {"hello world\r\nReceived: a\r\nTo: y\r\n\r\n", "hello world\r\nTo: y\r\n\r\n"},
      {"To: y\r\n \t\r\nReceived: a\r\n\r\nbody\r\n", "To: y\r\n \t\r\n\r\nbody\r\n"},
      {": a\r\nReceived: b\r\n\r\n", ": a\r\n\r\n"},
      // Without a header there is an empty line in front of the body.
      {" text\r\nReceived: a\r\n", "\r\n text\r\nReceived: a\r\n"},
      {"\tInternal\r\n\r\n", "\r\n\tInternal\r\n\r\n"},
      {". Internal\r\n", "\r\n. Internal\r\n"},
      {" \r\n", "\r\n \r\n"},
      // Odd octets.
      {"Received\xa0: a\r\nR\xe9"
       "ceived: b\r\n\xff\r\n\r\n",
       "Received\xa0: a\r\nR\xe9"
       "ceived: b\r\n\xff\r\n\r\n"},
      {"Received\x0b: a\r\n\r\n", "Received\x0b: a\r\n\r\n"},
      {long_name, "Subject: x\r\n\r\n"},
      {other_long_name, "Subject: x\r\n\r\n"},
      {kept_long_name, kept_long_out},
  };
  for (const Case& c : cases)
    EXPECT_EQ(escape(filtered_everyhow(c.content, nothing_kept())), escape(c.out));
}

TEST(HeaderFilter, KeepsByRight) {
  constexpr std::string_view kContent =
      "Received: a\r\nResent-To: b\r\nX-MS-Exchange-Organization-SCL: 1\r\n"
      "X-MS-Exchange-Forest-X: 2\r\nX-MS-Exchange-Organization-AuthAs: Internal\r\n\r\nbody\r\n";
  EXPECT_EQ(filtered_everyhow(kContent, nothing_kept()), "\r\nbody\r\n");
  EXPECT_EQ(filtered_everyhow(kContent, {.own_names = {}}),
            "Received: a\r\nResent-To: b\r\n\r\nbody\r\n");
  EXPECT_EQ(filtered_everyhow(kContent,
                              {.keep_routing = false, .keep_organization = true, .own_names = {}}),
            "X-MS-Exchange-Organization-SCL: 1\r\n"
            "X-MS-Exchange-Organization-AuthAs: Internal\r\n\r\nbody\r\n");
  EXPECT_EQ(
      filtered_everyhow(kContent, {.keep_routing = false, .keep_forest = true, .own_names = {}}),
      "X-MS-Exchange-Forest-X: 2\r\n\r\nbody\r\n");
  const HeaderRules all{.keep_organization = true, .keep_forest = true, .own_names = {}};
  EXPECT_EQ(filtered_everyhow(kContent, all), kContent);
}

TEST(HeaderFilter, KeepsNoStampBesideOurs) {
  const HeaderRules rules{.keep_organization = true, .stamped = true, .own_names = {}};
  EXPECT_EQ(filtered_everyhow("X-MS-Exchange-Organization-AuthAs: Internal\r\n"
                              "x-ms-exchange-organization-authsource\t: a\r\n"
                              ".X-MS-Exchange-Organization-AuthMechanism\r\n : 10\r\n x\r\n"
                              "X-MS-Exchange-Organization-AuthDomain: b\r\n"
                              "X-MS-Exchange-Organization-AuthAsx: c\r\n"
                              "X-MS-Exchange-Organization-: d\r\n"
                              "X-MS-Exchange-Organization-Auth: e\r\n\r\n",
                              rules),
            "X-MS-Exchange-Organization-AuthDomain: b\r\n"
            "X-MS-Exchange-Organization-AuthAsx: c\r\n"
            "X-MS-Exchange-Organization-: d\r\n"
            "X-MS-Exchange-Organization-Auth: e\r\n\r\n");
}

TEST(HeaderFilter, CountsHopsAndOctetsOfTheHeaderBeforeRemoval) {
  struct Case {
    std::string_view content;
    uint32_t hops, local_hops;
    uint64_t octets;
  };
  static constexpr Case kCases[] = {
      {"", 0, 0, 0},
      {"\r\nReceived: body\r\n", 0, 0, 2},
      {"Received: a\r\nRECEIVED:b\r\nreceived \t: c\r\n\r\nReceived: body\r\n", 3, 0, 42},
      // A single dot in front is not part of the line.
      {"X-Received: a\r\n Received: b\r\nReceivedX: c\r\nReceive: d\r\n.Received: e\r\n\r\n", 1, 0,
       71},
      {"Received: a\r\nno empty line\r\n", 1, 0, 28},
      {"Received:by relay.contoso.com\r\nReceived: from a\r\n by relay.contoso.com; x\r\n"
       "Received: from relay.contoso.com by other; x\r\nSubject: by relay.contoso.com\r\n\r\n",
       3, 2, 154},
      {" Received: a\r\n", 0, 0, 0},
  };
  for (const Case& c : kCases) {
    for (const bool keep : {true, false}) {
      const HeaderRules rules{.keep_routing = keep, .own_names = {"relay.contoso.com"}};
      filtered_everyhow(c.content, rules);
      const Filtered seen = filtered(c.content, {}, rules);
      EXPECT_EQ(seen.hops, c.hops) << c.content;
      EXPECT_EQ(seen.local_hops, c.local_hops) << c.content;
      EXPECT_EQ(seen.octets, c.octets) << c.content;
    }
  }
}

TEST(HeaderFilter, PutsADisplayNameIntoAFromFieldThatHasNone) {
  const HeaderRules rules{.display_names = &names(), .own_names = {}};
  struct Case {
    std::string_view content, out;
  };
  static constexpr Case kCases[] = {
      {"From: chris@contoso.com\r\nTo: y\r\n\r\nbody\r\n",
       "From: \"Chris Green\" <chris@contoso.com>\r\nTo: y\r\n\r\nbody\r\n"},
      {"To: y\r\nfrom:\r\n <chris@contoso.com>\r\n\r\nbody\r\n",
       "To: y\r\nFrom: \"Chris Green\" <chris@contoso.com>\r\n\r\nbody\r\n"},
      {"From\r\n\t: zoe@contoso.com\r\n", "From: =?UTF-8?B?Wm/Dqw==?= <zoe@contoso.com>\r\n"},
      {"From: chris@contoso.com\r\nX-MS-Exchange-Organization-A: x\r\nTo: y\r\n\r\n",
       "From: \"Chris Green\" <chris@contoso.com>\r\nTo: y\r\n\r\n"},
      {"X-MS-Exchange-Organization-A: x\r\nFrom: chris@contoso.com\r\n.To: y\r\n\r\n",
       "From: \"Chris Green\" <chris@contoso.com>\r\n.To: y\r\n\r\n"},
      // Left as they are.
      {"From: Chris <chris@contoso.com>\r\n\r\n", "From: Chris <chris@contoso.com>\r\n\r\n"},
      {"From: kate@contoso.com\r\n\r\n", "From: kate@contoso.com\r\n\r\n"},
      {"From: broken@contoso.com\r\n\r\n", "From: broken@contoso.com\r\n\r\n"},
      {"From chris@contoso.com\r\n\r\n", "From chris@contoso.com\r\n\r\n"},
      {"From: chris@contoso.com\r\nTo: y\r\nX-MS-Exchange-Forest-A: b\r\nFROM: "
       "kate@contoso.com\r\n",
       "From: chris@contoso.com\r\nTo: y\r\nFROM: kate@contoso.com\r\n"},
      {"From: kate@contoso.com\r\nFrom: chris@contoso.com\r\n\r\n",
       "From: kate@contoso.com\r\nFrom: chris@contoso.com\r\n\r\n"},
      {"From: chris@contoso.com\r\nFrom\r\n\r\n",
       "From: \"Chris Green\" <chris@contoso.com>\r\nFrom\r\n\r\n"},
      {"\r\nFrom: chris@contoso.com\r\n", "\r\nFrom: chris@contoso.com\r\n"},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(escape(filtered_everyhow(c.content, rules)), escape(c.out));
  EXPECT_EQ(filtered_everyhow(kCases[0].content, {.own_names = {}}), kCases[0].content);
}

TEST(HeaderFilter, HoldsNoMoreForFromThanItSays) {
  const HeaderRules rules{.display_names = &names(), .own_names = {}};
  const std::string from = "From: chris@contoso.com\r\n";
  for (const int over : {-1, 0, 1}) {
    // A From field of kFromMax octets, with blanks before its end.
    std::string padded = "From: chris@contoso.com";
    padded.append(HeaderFilter::kFromMax - padded.size() - 2 + static_cast<size_t>(over + 1) - 1,
                  ' ');
    padded += "\r\n";
    const bool named = filtered(padded + "\r\n", {}, rules).out.starts_with("From: \"Chris");
    EXPECT_EQ(named, over <= 0) << padded.size();
    EXPECT_EQ(shown(filtered(padded, {1000, 1990, 1999}, rules)), shown(oracle(padded, rules)));

    // A second From field that begins that far behind the first.
    std::string far = from + "X: ";
    far.append(HeaderFilter::kFromHeldMax - far.size() - 2 + static_cast<size_t>(over + 1) - 1,
               'x');
    far += "\r\nFrom: kate@contoso.com\r\n\r\n";
    const std::string expected = shown(oracle(far, rules));
    EXPECT_EQ(filtered(far, {}, rules).out.starts_with(from), over <= 0);
    EXPECT_EQ(shown(filtered(far, {}, rules)), expected);
    for (size_t cut = 8100; cut < far.size(); ++cut)
      EXPECT_EQ(shown(filtered(far, {cut}, rules)), expected) << cut;
    EXPECT_EQ(shown(filtered(far, {10, 4000, 8191, 8192, 8193}, rules)), expected);
  }
}

TEST(HeaderFilter, PassesOnViewsOfTheInput) {
  const std::string content =
      "Received: a\r\nSubject: x\r\nX-MS-Exchange-Organization-A: b\r\nTo: y\r\n\r\nbody\r\n";
  const HeaderRules rules;
  HeaderFilter filter;
  filter.reset(rules);
  filter.feed(content);
  std::string_view piece;
  ASSERT_TRUE(filter.take(piece));
  EXPECT_EQ(piece, "Received: a\r\nSubject: x\r\n");
  EXPECT_EQ(piece.data(), content.data());
  ASSERT_TRUE(filter.take(piece));
  EXPECT_EQ(piece, "To: y\r\n\r\nbody\r\n");
  EXPECT_EQ(piece.data() + piece.size(), content.data() + content.size());
  EXPECT_FALSE(filter.take(piece));
  EXPECT_TRUE(filter.header_ended());
}

std::string random_content(Prng& prng) {
  static constexpr std::string_view kTokens[] = {
      "Received",
      "received",
      "Resent-",
      "To",
      "Cc",
      "From",
      "FROM",
      "X-MS-Exchange-",
      "Organization-",
      "Forest-",
      "AuthAs",
      "AuthSource",
      "AuthMechanism",
      ":",
      ": ",
      " : ",
      "\t",
      " ",
      "  ",
      "\r\n",
      "\r\n",
      "\r\n",
      "\r\n ",
      "\r\n\t",
      "\r\n.",
      "\r\n..",
      "\r\n. ",
      ".",
      "chris@contoso.com",
      "<zoe@contoso.com>",
      "<",
      ">",
      ",",
      "\r\nFrom: chris@contoso.com\r\n",
      "\r\nReceived: ",
      "\r\nX-MS-Exchange-Organization-",
      "by ",
      " by relay.contoso.com",
      "(192.168.5.1)",
      "(",
      ")",
      ";",
      "with ",
      "\xc3\xab",
      "Subject: x\r\n",
      "\r\n\r\n",
      "\r\nReceived: from a (b) by relay.contoso.com with X; y\r\n"};
  std::string content;
  for (uint64_t i = prng.below(24); i > 0; --i) content += kTokens[prng.below(std::size(kTokens))];
  return content + "\r\n";
}

TEST(HeaderFilter, DoesAsTheOracleToRandomHeaders) {
  HeaderFilter filter;
  uint64_t removed = 0, named = 0, local = 0;
  for (uint64_t seed = 0; seed < 60'000 && !HasFailure(); ++seed) {
    Prng prng(seed);
    const std::string content = random_content(prng);
    HeaderRules rules{.keep_routing = prng.one_in(2),
                      .keep_organization = prng.one_in(2),
                      .keep_forest = prng.one_in(2),
                      .stamped = prng.one_in(2),
                      .display_names = prng.one_in(2) ? &names() : nullptr,
                      .own_names = {"relay.contoso.com", "192.168.5.1"}};
    const Filtered expected = oracle(content, rules);
    removed += expected.out.size() < content.size();
    named += expected.out.find("Chris Green") != std::string::npos;
    local += expected.local_hops;
    std::vector<size_t> cuts;
    if (prng.one_in(4)) {
      for (size_t cut = 1; cut < content.size(); ++cut) cuts.push_back(cut);
    } else if (!prng.one_in(4)) {
      cuts.resize(prng.between(1, 6));
      for (size_t& cut : cuts) cut = prng.below(content.size() + 1);
      std::sort(cuts.begin(), cuts.end());
    }
    ASSERT_EQ(shown(filtered(content, cuts, rules, filter)), shown(expected))
        << "seed " << seed << " " << escape(content);
  }
  EXPECT_GT(removed, 1000U);
  EXPECT_GT(named, 200U);
  EXPECT_GT(local, 1000U);
}

TEST(HeaderFilter, KeepsWhatFromFieldsSayHoweverTheyAreCut) {
  const std::string content =
      "Subject: From: nobody@x.y\r\nFrom:\r\n Chris <chris@contoso.com>\r\nSender: s@x.y\r\n"
      "fRoM \t: kate@fabrikam.com\r\n.\tstuffed@x.y\r\nFromage: z@x.y\r\n\r\nFrom: body@x.y\r\n";
  const std::string expected =
      ":\r\n Chris <chris@contoso.com>\r\n: kate@fabrikam.com\r\n stuffed@x.y\r\n";
  for (const DisplayNames* book :
       {static_cast<const DisplayNames*>(nullptr), static_cast<const DisplayNames*>(&names())}) {
    const HeaderRules rules{.watch_from = true, .display_names = book, .own_names = {}};
    for (size_t cut = 0; cut <= content.size(); ++cut) {
      HeaderFilter filter;
      filtered(content, {cut}, rules, filter);
      EXPECT_EQ(filter.from_values(), expected) << cut;
    }
  }
}

TEST(HeaderFilter, CutsWhatATooLongFromFieldSays) {
  const std::string content = "From: a@b.c, " + std::string(20'000, 'x') + "@d.e\r\n\r\n";
  const HeaderRules rules{.watch_from = true, .own_names = {}};
  HeaderFilter filter;
  filtered(content, {7000, 14'000}, rules, filter);
  EXPECT_EQ(filter.from_values().size(), HeaderFilter::kFromWatchedMax);
  EXPECT_EQ(from_domains(filter.from_values()), std::nullopt);
}

}  // namespace
}  // namespace relais::smtp::test
