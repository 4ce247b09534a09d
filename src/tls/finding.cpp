#include "tls/finding.h"

#include <algorithm>

namespace relais::tls {

std::string to_string(const Finding& finding) {
  return finding.file + ": " + finding.what + ". " + finding.cure;
}

bool any_error(const std::vector<Finding>& findings) {
  return std::ranges::any_of(
      findings, [](const Finding& f) { return f.severity == Finding::Severity::kError; });
}

void FindingsOf::error(Trouble trouble, std::string what, std::string cure) {
  findings_->push_back(
      {Finding::Severity::kError, trouble, file_, std::move(what), std::move(cure)});
}

void FindingsOf::warning(Trouble trouble, std::string what, std::string cure) {
  findings_->push_back(
      {Finding::Severity::kWarning, trouble, file_, std::move(what), std::move(cure)});
}

}  // namespace relais::tls
