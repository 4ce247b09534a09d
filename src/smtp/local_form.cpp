#include "smtp/local_form.h"

#include <string_view>

namespace relais::smtp {

void LocalForm::append(std::string& out, std::span<const char> wire) {
  std::string_view rest(wire.data(), wire.size());
  while (!rest.empty()) {
    if (cr_) {
      cr_ = false;
      line_start_ = rest.front() == '\n';
      out += line_start_ ? '\n' : '\r';
      if (line_start_) rest.remove_prefix(1);
      continue;
    }
    if (line_start_ && rest.front() == '.') rest.remove_prefix(1);  // RFC 5321 4.5.2
    line_start_ = false;
    const std::string_view run = rest.substr(0, rest.find('\r'));
    out += run;
    rest.remove_prefix(run.size());
    if (!rest.empty()) {
      cr_ = true;
      rest.remove_prefix(1);
    }
  }
}

}  // namespace relais::smtp
