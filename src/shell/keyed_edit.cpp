#include "shell/keyed_edit.h"

namespace relais::shell {

List current_list(const config::Value* written, const Value* property) {
  if (written != nullptr) return to_list(from_toml(*written));
  if (property == nullptr) return {};
  if (property->as<List>() != nullptr) return *property->as<List>();
  // Flags: "Tls, BasicAuth"; Custom is a state, not a group.
  List list;
  std::string text = to_text(*property);
  while (!text.empty()) {
    const size_t comma = text.find(", ");
    const std::string flag = text.substr(0, comma);
    if (flag != "None" && flag != "Custom") list.emplace_back(flag);
    if (comma == std::string::npos) break;
    text.erase(0, comma + 2);
  }
  return list;
}

}  // namespace relais::shell
