// How many clients may relay without proof, and which of them are public: the guard against open
// relays. Counted is what a connector really serves: not what more specific ranges of others take.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "config/checks.h"
#include "policy/address_number.h"
#include "policy/address_set.h"
#include "policy/listeners.h"
#include "policy/partition.h"

namespace relais::config {
namespace {

using policy::AddressNumber;
using policy::AddressRange;
using policy::AddressSet;
using Family = IpAddress::Family;
using Files = std::vector<ConnectorFile>;

constexpr Family kFamilies[] = {Family::kV4, Family::kV6};

// Above this many addresses it is an open relay: an IPv4 /16, an IPv6 /48.
constexpr uint32_t kRelayPrefixV4 = 16;
constexpr uint32_t kRelayPrefixV6 = 48;
constexpr uint32_t kEmbeddedPrefix = 96 + kRelayPrefixV4;
constexpr AddressNumber kRelayMaxV4 = AddressNumber{1} << (32 - kRelayPrefixV4);
constexpr AddressNumber kRelayMaxV6 = AddressNumber{1} << (128 - kRelayPrefixV6);
// Above this many it is worth a thought: one network of the usual size, a /24 or a /64.
constexpr AddressNumber kManyV4 = 256;
constexpr AddressNumber kManyV6 = AddressNumber{1} << 64;

constexpr const char* kRelayCure =
    "Name the hosts that must relay, take ms-Exch-SMTP-Accept-Any-Recipient away, or write "
    "i_know_this_is_an_open_relay = true";

bool more_than(const AddressSet& set, AddressNumber v4, AddressNumber v6) {
  return policy::count(set, Family::kV4) > v4 || policy::count(set, Family::kV6) > v6;
}

// "65536 addresses", the two families together.
std::string how_many(const AddressSet& set) {
  const AddressNumber v4 = policy::count(set, Family::kV4);
  const AddressNumber v6 = policy::count(set, Family::kV6);
  const AddressNumber all = v6 > ~AddressNumber{0} - v4 ? ~AddressNumber{0} : v4 + v6;
  return policy::count_text(all) + (all == 1 ? " address" : " addresses");
}

// What counts of it: not the machine itself, and IPv4 hosts behind a translator as what they are.
AddressSet counted(const AddressSet& set) {
  return policy::with_embedded_ipv4(policy::without_loopback(set));
}

bool is_wide(const AddressSet& counted_set) {
  return more_than(counted_set, kRelayMaxV4, kRelayMaxV6);
}

bool is_trusted(const ReceiveDraft& connector) {
  return connector.session_principal() == policy::Principal::kExternallySecured;
}

// ---- who is served

// Which of a connector's addresses it has for itself. The exact answer needs the connector table
// and is made only where another connector may take some of them away.
class Winners {
 public:
  explicit Winners(const Files& files)
      : files_(files), extents_(files.size() * 2), listed_(files.size() * 2) {
    for (uint32_t i = 0; i < files.size(); ++i) {
      for (const AddressRange& range : files[i].draft.remote_ranges) {
        Extent& extent = extents_[place_of(i, range.first.family())];
        const AddressNumber size = policy::number_of(range.last) - policy::number_of(range.first);
        extent.smallest = std::min(extent.smallest.value_or(size), size);
        extent.widest = std::max(extent.widest, size);
      }
    }
  }

  // Every address of its ranges of a family.
  const AddressSet& listed(uint32_t connector, Family family) {
    auto& set = listed_[place_of(connector, family)];
    if (!set) {
      std::vector<AddressRange> ranges;
      for (const AddressRange& range : files_[connector].draft.remote_ranges)
        if (range.first.family() == family) ranges.push_back(range);
      set = policy::union_of(std::move(ranges));
    }
    return *set;
  }

  // Of a family that arrives there, at one endpoint at which it applies.
  const AddressSet& won_at(uint32_t connector, const Endpoint& local, Family family) {
    if (!may_lose(connector, local, family)) return listed(connector, family);
    return served_at(local)[{connector, family}];
  }

  // True: it may have fewer addresses than it lists.
  bool may_lose(uint32_t connector) {
    const ReceiveDraft& draft = files_[connector].draft;
    const auto bound = [&](Family family) {
      return std::ranges::any_of(draft.bindings, [&](const policy::Binding& binding) {
        return policy::takes_family(draft, binding.endpoint, family);
      });
    };
    for (const Family family : kFamilies)
      if (extents_[place_of(connector, family)].smallest && !bound(family)) return true;
    return std::ranges::any_of(draft.bindings, [&](const policy::Binding& binding) {
      return std::ranges::any_of(kFamilies, [&](Family family) {
        return policy::takes_family(draft, binding.endpoint, family) &&
               may_lose(connector, binding.endpoint, family);
      });
    });
  }

  // At any of its bindings.
  AddressSet won(uint32_t connector) {
    AddressSet all;
    const ReceiveDraft& draft = files_[connector].draft;
    for (const Family family : kFamilies) {
      std::vector<const AddressSet*> parts;  // each once; many bindings have the same
      for (const policy::Binding& binding : draft.bindings) {
        if (!policy::takes_family(draft, binding.endpoint, family)) continue;
        const AddressSet* part = &won_at(connector, binding.endpoint, family);
        if (std::ranges::find(parts, part) == parts.end()) parts.push_back(part);
      }
      for (const AddressSet* part : parts) all.insert(all.end(), part->begin(), part->end());
    }
    return policy::union_of(std::move(all));
  }

 private:
  // Sizes are addresses minus one: what the whole of IPv6 has does not fit.
  struct Extent {
    std::optional<AddressNumber> smallest;  // nullopt: no range of this family
    AddressNumber widest = 0;
  };

  static size_t place_of(uint32_t connector, Family family) {
    return size_t{connector} * 2 + (family == Family::kV4 ? 0U : 1U);
  }

  // Only a range of at most the same size takes an address away.
  bool may_lose(uint32_t connector, const Endpoint& local, Family family) {
    const AddressNumber widest = extents_[place_of(connector, family)].widest;
    for (uint32_t i = 0; i < files_.size(); ++i) {
      if (i == connector) continue;
      const auto& smallest = extents_[place_of(i, family)].smallest;
      if (!smallest || *smallest > widest || !policy::applies_at(files_[i].draft, local)) continue;
      const AddressSet& set = listed(connector, family);
      for (const AddressRange& range : files_[i].draft.remote_ranges)
        if (holds_some_of(set, range)) return true;
    }
    return false;
  }

  static bool holds_some_of(const AddressSet& set, const AddressRange& range) {
    const auto next = std::ranges::partition_point(
        set, [&](const AddressRange& other) { return other.last < range.first; });
    return next != set.end() && next->first <= range.last;
  }

  using Served = std::map<std::pair<uint32_t, Family>, AddressSet>;  // by connector

  Served& served_at(const Endpoint& local) {
    const auto [entry, is_new] = served_.try_emplace(local);
    if (!is_new) return entry->second;
    if (connectors_.empty()) {
      for (const ConnectorFile& file : files_) connectors_.push_back(file.draft);
      table_ = policy::ConnectorTable::compile(connectors_);
    }
    std::map<std::pair<uint32_t, Family>, std::vector<AddressRange>> stretches;
    for (const auto& stretch : policy::partition_at(connectors_, table_, local)) {
      if (stretch.selection.connector == nullptr) continue;
      const Family family = stretch.addresses.first.family();
      stretches[{stretch.selection.connector_index, family}].push_back(stretch.addresses);
    }
    for (auto& [whose, ranges] : stretches)
      entry->second.emplace(whose, policy::union_of(std::move(ranges)));
    return entry->second;
  }

  const Files& files_;
  std::vector<Extent> extents_;                    // by connector and family
  std::vector<std::optional<AddressSet>> listed_;  // the same
  std::vector<policy::ReceiveConnector> connectors_;
  policy::ConnectorTable table_;
  std::map<Endpoint, Served> served_;
};

// ---- one connector

struct Relay {
  const ReceiveDraft& connector;
  Place place;
  AddressSet lost;    // listed, and served by others
  AddressSet counts;  // what is left, without the machine itself

  // What it serves of one of its ranges.
  [[nodiscard]] AddressSet left_of(const AddressRange& range) const {
    const auto begin = std::ranges::partition_point(
        lost, [&](const AddressRange& other) { return other.last < range.first; });
    const auto end = std::partition_point(
        begin, lost.end(), [&](const AddressRange& other) { return other.first <= range.last; });
    if (begin == end) return {range};
    return policy::difference({range}, AddressSet(begin, end));
  }
};

std::string_view clients_of(const ReceiveDraft& connector) {
  return is_trusted(connector) ? "externally secured clients" : "anonymous clients";
}

// A range, or all ranges together, beyond a /16 or /48. True: reported.
bool check_wide(const Relay& relay) {
  if (!is_wide(relay.counts)) return false;
  const ReceiveDraft& connector = relay.connector;
  bool named = false;
  for (size_t i = 0; i < connector.remote_ranges.size(); ++i) {
    const AddressRange& range = connector.remote_ranges[i];
    const bool embedded = policy::holds_embedded_ipv4(range);
    if (!is_open_relay(range) && !(embedded && range.wider_than_prefix(kEmbeddedPrefix))) continue;
    if (!is_wide(counted(relay.left_of(range)))) continue;
    const uint32_t prefix = range.first.is_v4()    ? kRelayPrefixV4
                            : is_open_relay(range) ? kRelayPrefixV6
                                                   : kEmbeddedPrefix;
    named = true;
    range_of(relay.place, connector, i)
        .error(Rule::kOpenRelay,
               fmt::format("'{}': an open relay: {} in a range wider than /{} may send to any "
                           "recipient",
                           range.to_string(), clients_of(connector), prefix),
               kRelayCure);
  }
  if (!named) {
    key_of(relay.place, connector.lines, "remote_ip_ranges")
        .error(Rule::kOpenRelay,
               fmt::format("an open relay: {} at {}, more than an IPv4 /{} or IPv6 /{} has, may "
                           "send to any recipient",
                           clients_of(connector), how_many(relay.counts), kRelayPrefixV4,
                           kRelayPrefixV6),
               kRelayCure);
  }
  return true;
}

// One address; or one IPv6 network, because sites number their own networks publicly there.
bool is_listed_alone(const AddressRange& range) {
  if (range.first == range.last) return true;
  return !range.first.is_v4() && !range.wider_than_prefix(64) &&
         !policy::holds_embedded_ipv4(range);
}

struct PublicRanges {
  size_t first = SIZE_MAX;  // in remote_ranges
  size_t ranges = 0;
  AddressSet addresses;
  void add(size_t index, const AddressSet& set) {
    if (ranges++ == 0) first = index;
    addresses.insert(addresses.end(), set.begin(), set.end());
  }
  [[nodiscard]] std::string text(const ReceiveDraft& connector) const {
    std::string text = fmt::format("'{}'", connector.remote_ranges[first].to_string());
    if (ranges > 1) text += fmt::format(" and {} more", ranges - 1);
    return text;
  }
};

void check_public(const Relay& relay) {
  const ReceiveDraft& connector = relay.connector;
  PublicRanges wide;
  PublicRanges alone;
  for (size_t i = 0; i < connector.remote_ranges.size(); ++i) {
    const AddressRange& range = connector.remote_ranges[i];
    const AddressSet open = policy::public_part(relay.left_of(range));
    if (!open.empty()) (is_listed_alone(range) ? alone : wide).add(i, open);
  }
  const bool trusted = is_trusted(connector);
  const Rule rule = trusted ? Rule::kPublicTrust : Rule::kPublicRelay;
  const std::string_view may = trusted ? "would count as internal" : "may send to any recipient";
  const std::string_view cure =
      trusted ? "Take the public addresses out, use AnonymousUsers instead, or write "
                "i_know_this_is_an_open_relay = true"
              : "List the public hosts one by one, leave them out, or write "
                "i_know_this_is_an_open_relay = true";
  if (wide.ranges > 0) {
    range_of(relay.place, connector, wide.first)
        .error(rule,
               fmt::format("{}: {}{} at {} on the public Internet {}", wide.text(connector),
                           trusted ? "" : "an open relay: ", clients_of(connector),
                           how_many(policy::union_of(wide.addresses)), may),
               std::string(cure));
  } else if (alone.ranges > 0) {
    range_of(relay.place, connector, alone.first)
        .warning(
            trusted ? rule : Rule::kPublicRelayHosts,
            fmt::format("{}: {} at {} on the public Internet {}", alone.text(connector),
                        clients_of(connector), how_many(policy::union_of(alone.addresses)), may),
            "Make sure that they are yours and fixed, or write "
            "i_know_this_is_an_open_relay = true");
  }
}

void check_many(const Relay& relay) {
  if (!more_than(relay.counts, kManyV4, kManyV6)) return;
  key_of(relay.place, relay.connector.lines, "remote_ip_ranges")
      .warning(Rule::kManyRelayClients,
               fmt::format("{} at {} may send to any recipient", clients_of(relay.connector),
                           how_many(relay.counts)),
               "Name the hosts that must relay, or write i_know_this_is_an_open_relay = true");
}

// True: it alone is an open relay by its size.
bool check_one(const ConnectorFile& file, uint32_t index, Winners& winners) {
  const bool relays = gives_relay(file.draft);
  AddressSet listed = winners.listed(index, Family::kV4);
  const AddressSet& listed_v6 = winners.listed(index, Family::kV6);
  listed.insert(listed.end(), listed_v6.begin(), listed_v6.end());
  AddressSet counts = counted(listed);
  const bool much = more_than(counts, kManyV4, kManyV6);
  if (!much && policy::public_part(listed).empty()) return false;
  AddressSet lost;
  if (winners.may_lose(index)) {
    const AddressSet won = winners.won(index);
    lost = policy::difference(listed, won);
    counts = counted(won);
  }
  const Relay relay{.connector = file.draft,
                    .place = file.place,
                    .lost = std::move(lost),
                    .counts = std::move(counts)};
  if (relays && check_wide(relay)) return true;
  check_public(relay);
  if (relays) check_many(relay);
  return false;
}

// ---- several

struct Together {
  const Endpoint& endpoint;
  const std::vector<uint32_t>& members;
};

// Of all families that arrive there.
AddressSet won_there(const Files& files, const Endpoint& endpoint, uint32_t member,
                     Winners& winners) {
  AddressSet all;
  for (const Family family : kFamilies) {
    if (!policy::takes_family(files[member].draft, endpoint, family)) continue;
    const AddressSet& won = winners.won_at(member, endpoint, family);
    all.insert(all.end(), won.begin(), won.end());
  }
  return all;
}

void check_together(const Files& files, const Together& at, Winners& winners,
                    std::vector<std::vector<uint32_t>>& reported) {
  const bool known = std::ranges::any_of(
      reported, [&](const auto& fewer) { return std::ranges::includes(at.members, fewer); });
  if (known) return;
  std::vector<AddressRange> ranges;
  std::string names;
  uint32_t last = 0;
  for (const uint32_t member : at.members) {
    const AddressSet set = counted(won_there(files, at.endpoint, member, winners));
    if (set.empty()) continue;
    ranges.insert(ranges.end(), set.begin(), set.end());
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", files[member].draft.name);
    last = member;
  }
  const AddressSet together = policy::union_of(std::move(ranges));
  if (!is_wide(together)) return;
  reported.push_back(at.members);
  key_of(files[last].place, files[last].draft.lines, "remote_ip_ranges")
      .error(Rule::kOpenRelay,
             fmt::format("an open relay: on binding {} the connectors {} together let {} send "
                         "to any recipient, more than an IPv4 /{} or IPv6 /{} has",
                         at.endpoint.to_string(), names, how_many(together), kRelayPrefixV4,
                         kRelayPrefixV6),
             kRelayCure);
}

}  // namespace

bool is_open_relay(const policy::AddressRange& range) {
  return range.wider_than_prefix(range.first.is_v4() ? kRelayPrefixV4 : kRelayPrefixV6);
}

bool is_open_relay(const policy::AddressSet& set) { return is_wide(counted(set)); }

bool gives_relay(const policy::ReceiveConnector& connector) {
  return connector.enabled && has(connector.session_rights(), policy::Right::kAcceptAnyRecipient);
}

void check_open_relays(const Files& files) {
  Winners winners(files);
  std::vector<policy::ReceiveConnector> bindings;  // without ranges: only who relays where
  std::vector<bool> wide_alone(files.size());
  for (uint32_t i = 0; i < files.size(); ++i) {
    const ReceiveDraft& connector = files[i].draft;
    const bool counts = connector.enabled && !connector.known_open_relay;
    policy::ReceiveConnector& slim = bindings.emplace_back();
    slim.enabled = counts && gives_relay(connector);
    slim.bindings = connector.bindings;
    if (slim.enabled || (counts && is_trusted(connector)))
      wide_alone[i] = check_one(files[i], i, winners);
  }
  // Several connectors of one endpoint may be to each other what one wide range is alone; also one
  // on the very address and one on the wildcard.
  std::vector<std::vector<uint32_t>> reported;
  for (const auto& [endpoint, bound] : policy::listeners_of(bindings)) {
    std::vector<uint32_t> members;
    for (uint32_t i = 0; i < bindings.size(); ++i)
      if (policy::applies_at(bindings[i], endpoint)) members.push_back(i);
    const bool alone = std::ranges::any_of(members, [&](uint32_t m) { return wide_alone[m]; });
    if (members.size() < 2 || alone) continue;
    check_together(files, {endpoint, members}, winners, reported);
  }
}

}  // namespace relais::config
