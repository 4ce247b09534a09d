#include "shell/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "admin/json.h"
#include "policy/ascii.h"

namespace relais::shell {
namespace {

using admin::Json;

constexpr size_t kTablePropertiesMax = 4;  // of what nobody has asked a form for
constexpr size_t kTableElementsMax = 16;   // of a list in a table, as in Exchange's shell

// Characters, not octets.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

std::string padded(std::string text, size_t width, bool right = false) {
  const size_t missing = width - std::min(width, width_of(text));
  if (right) {
    text.insert(0, missing, ' ');
  } else {
    text.append(missing, ' ');
  }
  return text;
}

// A line of its own in a value would break the form.
std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return (c >= 0 && c < ' ') || c == 127; }, ' ');
  return text;
}

struct Column {
  std::string header;
  std::string property;
};

std::vector<Column> columns_of(const Object& object) {
  std::vector<Column> columns;
  for (const auto& [name, value] : object.properties) columns.push_back({name, name});
  return columns;
}

std::string table(const Objects& objects, std::span<const Column> columns) {
  if (objects.empty() || columns.empty()) return {};
  std::vector<std::vector<std::string>> cells(objects.size());
  std::vector<size_t> widths;
  std::vector<bool> right;
  for (const Column& column : columns) {
    size_t width = width_of(column.header);
    bool numbers = true;
    for (size_t i = 0; i < objects.size(); ++i) {
      const Value* value = objects[i].find(column.property);
      const Value empty;
      if (value == nullptr) value = &empty;
      numbers = numbers && value->as<int64_t>() != nullptr;
      cells[i].push_back(one_line(to_text(*value, kTableElementsMax)));
      width = std::max(width, width_of(cells[i].back()));
    }
    widths.push_back(width);
    right.push_back(numbers);
  }
  const auto line = [&](auto cell_of) {
    std::string text;
    for (size_t c = 0; c < columns.size(); ++c) {
      if (c > 0) text += ' ';
      text += padded(cell_of(c), widths[c], right[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text += '\n';
  };
  std::string text(1, '\n');
  text += line([&](size_t c) { return columns[c].header; });
  text += line([&](size_t c) { return std::string(width_of(columns[c].header), '-'); });
  for (const auto& row : cells) text += line([&](size_t c) { return row[c]; });
  return text += '\n';
}

std::span<const Column> default_columns(Kind kind) {
  static const Column kReceive[] = {
      {"Identity", "Identity"}, {"Bindings", "Bindings"}, {"Enabled", "Enabled"}};
  static const Column kSend[] = {
      {"Identity", "Identity"}, {"AddressSpaces", "AddressSpaces"}, {"Enabled", "Enabled"}};
  static const Column kDomain[] = {{"Name", "Name"},
                                   {"DomainName", "DomainName"},
                                   {"DomainType", "DomainType"},
                                   {"Default", "Default"}};
  static const Column kPermission[] = {
      {"Identity", "Identity"}, {"User", "User"}, {"Deny", "Deny"}, {"Inherited", "IsInherited"}};
  static const Column kCommand[] = {{"Name", "Name"}, {"Synopsis", "Synopsis"}};
  switch (kind) {
    case Kind::kReceiveConnector:
      return kReceive;
    case Kind::kSendConnector:
      return kSend;
    case Kind::kAcceptedDomain:
      return kDomain;
    case Kind::kPermission:
      return kPermission;
    case Kind::kCommand:
      return kCommand;
    case Kind::kPlain:
    case Kind::kList:
    case Kind::kScalar:
      break;
  }
  return {};
}

Json json_of(const Value& value);

Json json_of(const Pairs& pairs) {
  Json json = Json::object();
  for (const auto& [name, value] : pairs) json[name] = json_of(value);
  return json;
}

Json json_of(const Object& object) {
  if (object.kind == Kind::kScalar && !object.properties.empty()) {
    return json_of(object.properties.front().second);
  }
  return json_of(object.properties);
}

Json json_of(const Value& value) {
  if (value.is_null()) return nullptr;
  if (const auto* truth = value.as<bool>()) return *truth;
  if (const auto* number = value.as<int64_t>()) return *number;
  if (const auto* octets = value.as<Octets>()) return octets->count;
  if (const auto* pairs = value.as<Pairs>()) return json_of(*pairs);
  if (const auto* list = value.as<List>()) {
    Json json = Json::array();
    for (const Value& element : *list) json.push_back(json_of(element));
    return json;
  }
  return to_text(value);
}

}  // namespace

Objects select_properties(const Objects& objects, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return objects;
  Objects selected;
  for (const Object& object : objects) {
    Object& fewer = selected.emplace_back();
    for (const std::string& pattern : patterns) {
      if (!has_wildcard(pattern)) {
        // The object's own spelling, as PowerShell shows it.
        const auto found = std::ranges::find_if(object.properties, [&](const auto& pair) {
          return policy::equal_ignoring_case(pair.first, pattern);
        });
        if (found != object.properties.end()) {
          if (fewer.find(pattern) == nullptr) fewer.properties.push_back(*found);
        } else if (fewer.find(pattern) == nullptr) {
          fewer.add(pattern, {});
        }
        continue;
      }
      for (const auto& [name, value] : object.properties) {
        if (matches_wildcard(name, pattern) && fewer.find(name) == nullptr) fewer.add(name, value);
      }
    }
  }
  return selected;
}

std::string format_list(const Objects& objects) {
  std::string text;
  for (const Object& object : objects) {
    size_t width = 0;
    for (const auto& [name, value] : object.properties) width = std::max(width, width_of(name));
    text += '\n';
    for (const auto& [name, value] : object.properties) {
      std::string line = fmt::format("{} : {}", padded(name, width), one_line(to_text(value)));
      line.erase(line.find_last_not_of(' ') + 1);
      text += line;
      text += '\n';
    }
  }
  if (!text.empty()) text += '\n';
  return text;
}

std::string format_table(const Objects& objects) {
  // The columns of all, in the order in which they first appear.
  Object all;
  for (const Object& object : objects) {
    for (const auto& [name, value] : object.properties) {
      if (all.find(name) == nullptr) all.add(name, {});
    }
  }
  return table(objects, columns_of(all));
}

namespace {

// A line a value.
std::string format_scalars(const Objects& objects) {
  std::string text;
  for (const Object& object : objects) {
    for (const auto& [name, value] : object.properties) {
      text += to_text(value);
      text += '\n';
    }
  }
  return text;
}

}  // namespace

std::string format_default(const Objects& objects) {
  std::string text;
  for (size_t i = 0; i < objects.size();) {
    size_t end = i;
    while (end < objects.size() && objects[end].kind == objects[i].kind) ++end;
    const Objects run(objects.begin() + static_cast<ptrdiff_t>(i),
                      objects.begin() + static_cast<ptrdiff_t>(end));
    const auto columns = default_columns(objects[i].kind);
    if (objects[i].kind == Kind::kScalar) {
      text += format_scalars(run);
    } else if (objects[i].kind == Kind::kPlain &&
               objects[i].properties.size() <= kTablePropertiesMax) {
      text += format_table(run);
    } else {
      text += columns.empty() ? format_list(run) : table(run, columns);
    }
    i = end;
  }
  return text;
}

std::string format_json(const Objects& objects, bool compress) {
  Json json = Json::array();
  for (const Object& object : objects) json.push_back(json_of(object));
  return admin::to_line(json.size() == 1 ? json.front() : json, compress ? -1 : 2) + '\n';
}

std::string to_json(const Value& value) { return admin::to_line(json_of(value)); }

}  // namespace relais::shell
