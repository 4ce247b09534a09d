#include "admin/top_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "admin/screen_text.h"
#include "admin/when.h"

namespace relais::admin {
namespace {

using Connector = LiveFigures::Connector;

constexpr size_t kNameLeast = 12;
constexpr size_t kNameMost = 32;
constexpr size_t kBarMost = 40;
constexpr size_t kBarLeast = 10;

double seconds_between(const LiveFigures& before, const LiveFigures& now) {
  return static_cast<double>((now.gathered - before.gathered).ns) / 1e9;
}

uint64_t grown(uint64_t before, uint64_t now) { return now - std::min(before, now); }

// One decimal where it says something, no more than six characters.
std::string short_rate(double rate) {
  if (rate < 100) return fmt::format("{:.1f}", rate);
  if (rate < 100'000) return fmt::format("{:.0f}", rate);
  return fmt::format("{:.0f}k", rate / 1000);
}

std::string short_count(uint64_t count) {
  if (count < 1'000'000) return std::to_string(count);
  if (count < 1'000'000'000) return fmt::format("{:.1f}M", static_cast<double>(count) / 1e6);
  return fmt::format("{:.1f}G", static_cast<double>(count) / 1e9);
}

std::string uptime_text(Duration up) {
  const int64_t all = std::max<int64_t>(0, up.seconds());
  const int64_t days = all / 86'400;
  const std::string clock =
      fmt::format("{:02}:{:02}:{:02}", all / 3600 % 24, all / 60 % 60, all % 60);
  return days == 0 ? clock : fmt::format("{} d {}", days, clock);
}

// "[#######...........]" of `width` columns in all.
std::string bar(double level, size_t width) {
  const size_t inside = width - 2;
  const double part = std::clamp(level, 0.0, 1.0);
  auto full = static_cast<size_t>(part * static_cast<double>(inside) + 0.5);
  if (full == 0 && part > 0) full = 1;
  std::string text(1, '[');
  text.append(full, '#').append(inside - full, '.');
  return text += ']';
}

struct Column {
  std::string_view title;
  size_t width;
  int priority;  // the lowest are there on the narrowest screen
  std::string (*value)(const Connector& now, const Connector* before, double seconds);
};

template <uint64_t Connector::*kFigure>
std::string rate_of(const Connector& now, const Connector* before, double seconds) {
  if (before == nullptr) return "-";
  return short_rate(static_cast<double>(grown(before->*kFigure, now.*kFigure)) / seconds);
}
template <uint64_t Connector::*kFigure>
std::string total_of(const Connector& now, const Connector* /*before*/, double /*seconds*/) {
  return short_count(now.*kFigure);
}
template <uint64_t Connector::*kFigure>
std::string more_of(const Connector& now, const Connector* before, double /*seconds*/) {
  const uint64_t more = before == nullptr ? 0 : grown(before->*kFigure, now.*kFigure);
  return more == 0 ? "" : '+' + short_count(more);
}

constexpr Column kColumns[] = {
    {"now", 6, 1, total_of<&Connector::sessions>},
    {"conn/s", 7, 5, rate_of<&Connector::connections>},
    {"msg/s", 7, 0, rate_of<&Connector::messages>},
    {"rcpt/s", 7, 6, rate_of<&Connector::recipients>},
    {"messages", 9, 11, total_of<&Connector::messages>},
    {"delayed", 8, 4, total_of<&Connector::delayed>},
    {"", 8, 10, more_of<&Connector::delayed>},
    {"deferred", 9, 2, total_of<&Connector::deferred>},
    {"", 8, 8, more_of<&Connector::deferred>},
    {"closed", 7, 7, total_of<&Connector::closed>},
    {"", 8, 9, more_of<&Connector::closed>},
    {"refused", 8, 3, total_of<&Connector::refused>},
    {"", 8, 7, more_of<&Connector::refused>},
};

class Frame {
 public:
  Frame(const TopView& view, size_t width) : view_(view), now_(view.now), width_(width) {
    if (view.before) seconds_ = seconds_between(*view.before, view.now);
  }

  std::vector<std::string> draw() && {
    add(head());
    if (!view_.trouble.empty()) add(view_.trouble);
    add({});
    choose_columns();
    draw_titles();
    for (const Connector& connector : now_.connectors) draw(connector);
    if (now_.unserved > 0)
      add(fmt::format("(no connector) refused {}", short_count(now_.unserved)));
    draw_limits({});
    for (const Connector& connector : now_.connectors) draw_limits(connector.name);
    return std::move(lines_);
  }

 private:
  void add(std::string_view line) {
    std::string text = cut(line, width_);
    text.erase(text.find_last_not_of(' ') + 1);
    lines_.push_back(std::move(text));
  }

  // What runs short comes first, so that a narrow screen has it.
  std::string head() const {
    std::string text =
        fmt::format("{}  up {}", now_.server, uptime_text(now_.gathered - now_.started));
    std::string calm;
    for (const LiveFigures::Resource& resource : now_.resources) {
      if (resource.state != "Normal")
        text += fmt::format("  {} {} ({})", resource.name, resource.state, resource.figure);
      else
        calm +=
            fmt::format("  {} {}", resource.name, resource.figure.empty() ? "?" : resource.figure);
    }
    if (now_.resources.empty()) calm = "  back pressure off";
    text += fmt::format("  {} queued", short_count(now_.queued));
    return text + calm + "  " + for_people(now_.gathered) + "  relais " + now_.version;
  }

  void choose_columns() {
    for (const Connector& connector : now_.connectors)
      name_width_ = std::max(name_width_, std::min(screen_width(connector.name), kNameMost));
    std::vector<const Column*> by_priority;
    for (const Column& column : kColumns) by_priority.push_back(&column);
    std::ranges::stable_sort(by_priority, {}, &Column::priority);
    // Columns come before the end of a long name, as long as the screen is narrow.
    const size_t name = std::min(name_width_, std::max(kNameLeast, width_ / 4));
    size_t used = name;
    for (const Column* column : by_priority) {
      if (used + 1 + column->width > width_) break;
      used += 1 + column->width;
      chosen_.push_back(column);
    }
    std::ranges::sort(chosen_);  // as they stand in the table
    name_width_ = std::min(name_width_, name + (width_ > used ? width_ - used : 0));
  }

  void draw_titles() {
    std::string line = fit_left("connector", name_width_);
    for (const Column* column : chosen_) line += ' ' + fit_right(column->title, column->width);
    add(line);
  }

  void draw(const Connector& connector) {
    std::string line = fit_left(connector.name, name_width_);
    const Connector* before = view_.before ? view_.before->find(connector.name) : nullptr;
    for (const Column* column : chosen_)
      line += ' ' + fit_right(column->value(connector, before, seconds_), column->width);
    add(line);
  }

  static double fullest(const LiveFigures::Limit& limit) {
    return limit.sources.empty() ? limit.level.value_or(0) : limit.sources.front().level;
  }

  // The fullest first.
  void draw_limits(const std::string& connector) {
    std::vector<const LiveFigures::Limit*> limits;
    for (const LiveFigures::Limit& limit : now_.limits) {
      if (limit.connector == connector) limits.push_back(&limit);
    }
    if (limits.empty()) return;
    std::ranges::stable_sort(limits, std::greater{},
                             [](const LiveFigures::Limit* limit) { return fullest(*limit); });
    add({});
    add("limits of " + (connector.empty() ? std::string("the server") : connector));
    for (const LiveFigures::Limit* limit : limits) draw(*limit);
  }

  // What it did, and when last.
  std::string deeds_of(const LiveFigures::Limit& limit) const {
    static constexpr std::string_view kActions[] = {"delayed", "deferred", "closed", "shadowed"};
    const LiveFigures::Limit* before =
        view_.before ? view_.before->find_limit(limit.connector, limit.name) : nullptr;
    std::string text;
    for (size_t i = 0; i < limit.events.size(); ++i) {
      if (limit.events[i] == 0) continue;
      text += fmt::format("  {} {}", kActions[i], short_count(limit.events[i]));
      const uint64_t more = before == nullptr ? 0 : grown(before->events[i], limit.events[i]);
      if (more > 0) text += " (+" + short_count(more) + ')';
    }
    if (limit.last_event.ns != 0) text += "  last " + ago(limit.last_event, now_.gathered);
    return text;
  }

  void draw(const LiveFigures::Limit& limit) {
    const std::string line = "  " + limit.name + "  " + limit.terms;
    const std::string deeds = deeds_of(limit);
    if (screen_width(line) + deeds.size() <= width_) {
      add(line + deeds);
    } else {
      add(line);
      if (!deeds.empty()) add("  " + deeds);
    }
    if (limit.level) draw_level("all clients", *limit.level, {});
    const size_t shown = std::min(limit.sources.size(), view_.top);
    for (const LiveFigures::Source& source : std::span(limit.sources).first(shown)) {
      draw_level(source.address, source.level,
                 source.last_seen.ns == 0 ? "" : ago(source.last_seen, now_.gathered));
    }
    if (shown < limit.sources.size())
      add(fmt::format("    and {} more sources", limit.sources.size() - shown));
  }

  // All bars of a screen begin and end in the same columns.
  void draw_level(std::string_view who, double level, const std::string& seen) {
    constexpr size_t kSeen = 12;
    const bool narrow = width_ < 60;
    const size_t name = narrow ? 15 : width_ < 100 ? 24 : 39;  // IPv6 in full from 100 on
    const size_t rest = 4 + name + 1 + 6 + (narrow ? 0 : 2 + kSeen);
    const size_t bar_width = std::clamp(width_ - std::min(rest, width_), kBarLeast, kBarMost);
    std::string line = "    " + fit_left(who, name) + ' ' + bar(level, bar_width);
    line += fmt::format(" {:>3.0f} %", std::min(level, 9.99) * 100);
    if (!seen.empty() && !narrow) line += "  " + seen;
    add(line);
  }

  const TopView& view_;
  const LiveFigures& now_;
  size_t width_;
  double seconds_ = 1;
  size_t name_width_ = kNameLeast;
  std::vector<const Column*> chosen_;
  std::vector<std::string> lines_;
};

void add_rates(Json& connectors, const TopView& view) {
  const double seconds = seconds_between(*view.before, view.now);
  for (Json& connector : connectors) {
    const Connector* before = view.before->find(connector["connector"].get<std::string>());
    const Connector* now = view.now.find(connector["connector"].get<std::string>());
    if (before == nullptr || now == nullptr) continue;
    const auto put = [&](const char* key, uint64_t Connector::*figure) {
      connector[key] = static_cast<double>(grown(before->*figure, now->*figure)) / seconds;
    };
    put("connections_per_s", &Connector::connections);
    put("messages_per_s", &Connector::messages);
    put("recipients_per_s", &Connector::recipients);
    const auto more = [&](const char* key, uint64_t Connector::*figure) {
      connector["since"][key] = grown(before->*figure, now->*figure);
    };
    more("delayed", &Connector::delayed);
    more("deferred", &Connector::deferred);
    more("closed", &Connector::closed);
    more("refused", &Connector::refused);
  }
}

}  // namespace

bool comparable(const LiveFigures& before, const LiveFigures& now) {
  return before.pid == now.pid && before.started == now.started && before.gathered < now.gathered;
}

std::vector<std::string> top_frame(const TopView& view, size_t width, size_t height) {
  std::vector<std::string> lines = Frame(view, std::max<size_t>(width, 1)).draw();
  if (height == 0 || lines.size() <= height) return lines;
  const size_t hidden = lines.size() - height + 1;
  lines.resize(height - 1);
  lines.push_back(cut(fmt::format("({} more lines: a higher window shows them)", hidden), width));
  return lines;
}

std::string top_json(const TopView& view) {
  Json json = to_record(view.now);
  for (Json& limit : json["limits"]) {
    Json& sources = limit["sources"];
    if (sources.size() > view.top)
      sources.erase(sources.begin() + static_cast<ptrdiff_t>(view.top), sources.end());
  }
  if (view.before) {
    json["rates_over_s"] = seconds_between(*view.before, view.now);
    add_rates(json["connectors"], view);
  }
  return to_line(json) + '\n';
}

}  // namespace relais::admin
