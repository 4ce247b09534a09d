#include "admin/override_keeper.h"

#include <unistd.h>

#include <algorithm>

#include "admin/notices.h"
#include "admin/when.h"
#include "config/nearest.h"
#include "config/write_file.h"
#include "policy/ascii.h"

namespace relais::admin {
namespace {

constexpr size_t kNamesMax = 20;  // in one sentence

const policy::ReceiveConnector* connector_called(const OverrideKeeper::Connectors& connectors,
                                                 std::string_view name) {
  const auto found = std::ranges::find_if(connectors, [&](const auto& connector) {
    return policy::equal_ignoring_case(connector.name, name);
  });
  return found == connectors.end() ? nullptr : &*found;
}

std::string no_connector_called(const OverrideKeeper::Connectors& connectors,
                                std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& connector : connectors) names.push_back(connector.name);
  std::string text = fmt::format("no connector is called \"{}\".", name);
  const std::string_view near = config::nearest(name, names);
  if (!near.empty()) text += fmt::format(" Did you mean \"{}\"?", near);
  text += " There are";
  for (size_t i = 0; i < std::min(names.size(), kNamesMax); ++i)
    text += fmt::format("{} \"{}\"", i == 0 ? "" : ",", names[i]);
  if (names.size() > kNamesMax) text += fmt::format(" and {} more", names.size() - kNamesMax);
  return text;
}

std::string who(const OverrideRequest& request) {
  return fmt::format("{} (uid {})", request.user.empty() ? "?" : request.user, request.uid);
}

}  // namespace

void OverrideKeeper::begin(int64_t pid, const Clocks& clocks) {
  const auto before = read_overrides(data_dir_);
  for (const Override& entry : before ? before->overrides : std::vector<Override>{}) {
    const Duration left = entry.until - clocks.wall;
    const auto told = [&](std::string_view what) {
      notice("limit {} of \"{}\", overridden by {} with {}, {}", entry.limit, entry.connector,
             entry.user, entry.now, what);
    };
    if (!entry.keep) {
      told("is that of the configuration again after the restart (it was set without --keep)");
    } else if (left <= Duration{} || left > config::kOverrideTimeMax) {
      told("is that of the configuration again: its time has run out");
    } else {
      told("is kept until " + for_people(entry.until));
      Live live{entry, clocks.now + left};
      overrides_.push_back(std::move(live));
    }
  }
  book_.pid = pid;
  write();
}

policy::LimitsByConnector OverrideKeeper::apply(const Connectors& connectors) {
  policy::LimitsByConnector limits;
  bool changed = false;
  for (auto first = overrides_.begin(); first != overrides_.end();) {
    // Those of one connector stand together.
    const std::string name = first->connector;
    const auto last =
        std::find_if(first, overrides_.end(), [&](const Live& l) { return l.connector != name; });
    const auto connector = std::ranges::find(connectors, name, &policy::ReceiveConnector::name);
    const std::vector<config::LimitOverride> wanted(first, last);
    config::OverriddenLimits made;
    if (connector == connectors.end()) {
      made.effects.assign(wanted.size(),
                          std::unexpected(std::string("the configuration has no such connector")));
    } else {
      made = config::override_limits(*connector, wanted);
      limits[name] = std::move(made.limits);
    }
    for (auto& effect : made.effects) {
      if (effect) {
        changed |= first->was != effect->was || first->now != effect->now;
        first->was = effect->was;
        first->now = effect->now;
        ++first;
        continue;
      }
      notice("the override of limit {} of \"{}\" ({}) is dropped: {}", first->limit, name,
             first->now, effect.error());
      first = overrides_.erase(first);
      changed = true;
    }
  }
  if (changed) write();
  return limits;
}

std::vector<OverrideKeeper::Live>::iterator OverrideKeeper::find(std::string_view connector,
                                                                 std::string_view limit) {
  return std::ranges::find_if(overrides_, [&](const Live& live) {
    return live.connector == connector && live.limit == limit;
  });
}

// Why not; empty: done.
std::string OverrideKeeper::set(const OverrideRequest& request,
                                const policy::ReceiveConnector& connector, const Clocks& clocks) {
  OverrideAnswer& answer = book_.answer;
  if (request.time < seconds(1) || request.time > config::kOverrideTimeMax)
    return "an override lasts from 1 s to 30 days";
  const std::vector<Live> before = overrides_;
  auto at = find(connector.name, answer.limit);
  const bool is_new = at == overrides_.end();
  if (is_new && overrides_.size() >= kOverridesMax)
    return fmt::format("{} limits are overridden already; remove one, or edit the configuration",
                       kOverridesMax);
  if (is_new) {
    at = std::ranges::find_if(overrides_,
                              [&](const Live& live) { return live.connector == connector.name; });
    at = overrides_.insert(at, Live{});
  }
  at->connector = connector.name;
  at->limit = answer.limit;
  at->value = request.wanted.value;
  at->burst = request.wanted.burst;
  at->uid = request.uid;
  at->user = request.user;
  at->since = clocks.wall;
  at->until = at->since + request.time;
  at->keep = request.keep;
  at->end = clocks.now + request.time;

  std::vector<config::LimitOverride> wanted;
  size_t mine = 0;
  for (const Live& live : overrides_) {
    if (live.connector != connector.name) continue;
    if (live.limit == answer.limit) mine = wanted.size();
    wanted.push_back(live);
  }
  const auto made = config::override_limits(connector, wanted);
  const auto& effect = made.effects[mine];
  if (!effect) {
    overrides_ = before;
    return effect.error();
  }
  answer.before = is_new ? effect->was : at->now;
  answer.after = at->now = effect->now;
  answer.was = at->was = effect->was;
  answer.warnings = effect->warnings;
  answer.until = at->until;
  answer.keep = at->keep;
  if (write()) {
    notice("limit {} of \"{}\" is {} until {}; the configuration says {} (set by {})", at->limit,
           at->connector, at->now, for_people(at->until), at->was, who(request));
    return {};
  }
  overrides_ = before;
  return fmt::format("{} cannot be written", override_path(data_dir_));
}

std::string OverrideKeeper::remove(const OverrideRequest& request,
                                   const policy::ReceiveConnector& connector) {
  OverrideAnswer& answer = book_.answer;
  const auto at = find(connector.name, answer.limit);
  if (at == overrides_.end()) {
    std::string known;
    for (const Live& live : overrides_)
      known += fmt::format("{} {} of \"{}\"", known.empty() ? "" : ",", live.limit, live.connector);
    return fmt::format("limit {} of \"{}\" is not overridden.{}{}", answer.limit, connector.name,
                       known.empty() ? " No limit is" : " Overridden are", known);
  }
  answer.before = at->now;
  answer.after = answer.was = at->was;
  notice(
      "limit {} of \"{}\" is {} again, as the configuration says (the override with {} was "
      "removed by {})",
      at->limit, at->connector, at->was, at->now, who(request));
  overrides_.erase(at);
  return {};
}

bool OverrideKeeper::take_request(const Connectors& connectors, const Clocks& clocks) {
  const std::string path = override_request_path(data_dir_);
  const auto text = config::read_text(path);
  if (!text) return false;
  unlink(path.c_str());
  const auto request = override_request_from_json(*text);
  if (!request) {
    notice("{}: is no request of relais limit", path);
    return false;
  }
  book_.answer = {};
  OverrideAnswer& answer = book_.answer;
  const policy::ReceiveConnector* connector =
      connector_called(connectors, request->wanted.connector);
  const auto limit = config::limit_name(request->wanted.limit);
  if (connector == nullptr) {
    answer.problem = no_connector_called(connectors, request->wanted.connector);
  } else if (!limit) {
    answer.problem = limit.error();
  } else {
    answer.connector = connector->name;
    answer.limit = *limit;
    answer.problem =
        request->removes ? remove(*request, *connector) : set(*request, *connector, clocks);
  }
  // Only now: the book that set() wrote is no answer, nothing is in force yet.
  answer.id = request->id;
  answer.ok = answer.problem.empty();
  if (!answer.ok) this->answer();
  return answer.ok;
}

void OverrideKeeper::answer() { write(); }

bool OverrideKeeper::expire(Instant now) {
  const auto gone = std::erase_if(overrides_, [&](const Live& live) {
    if (live.end > now) return false;
    notice(
        "limit {} of \"{}\" is {} again, as the configuration says: the override with {} has "
        "expired",
        live.limit, live.connector, live.was, live.now);
    return true;
  });
  if (gone == 0) return false;
  write();
  return true;
}

std::optional<Duration> OverrideKeeper::time_left(Instant now) const {
  if (overrides_.empty()) return std::nullopt;
  const auto next = std::ranges::min_element(overrides_, {}, &Live::end);
  return std::max(next->end - now, Duration{});
}

// False: the file stays as it was, and that was said.
bool OverrideKeeper::write() {
  book_.overrides.assign(overrides_.begin(), overrides_.end());
  const auto written = config::write_file(override_path(data_dir_), to_json(book_));
  if (!written) notice("{}", written.error());
  return written.has_value();
}

}  // namespace relais::admin
