#include "config/place.h"

#include <fmt/format.h>

namespace relais::config {

Place Place::key(std::string_view name, uint32_t line, std::string allowed) const {
  Place place = *this;
  if (!place.path_.empty()) place.path_ += '.';
  place.path_ += name;
  place.line_ = line;
  place.allowed_ = std::move(allowed);
  return place;
}

Place Place::element(size_t index, uint32_t line) const {
  Place place = *this;
  place.path_ += fmt::format("[{}]", index);
  place.line_ = line;
  return place;
}

Place Place::at_line(uint32_t line) const {
  Place place = *this;
  place.line_ = line;
  return place;
}

void Place::error(Rule rule, std::string what, std::string cure) const {
  findings_->push_back(
      {Finding::Severity::kError, rule, file_, line_, path_, std::move(what), std::move(cure)});
}

void Place::warning(Rule rule, std::string what, std::string cure) const {
  findings_->push_back(
      {Finding::Severity::kWarning, rule, file_, line_, path_, std::move(what), std::move(cure)});
}

void Place::wrong(std::string what, Rule rule) const {
  error(rule, std::move(what), "Write " + allowed_);
}

void Place::wrong_type(const Value& found) const {
  wrong("found " + describe(found), Rule::kWrongType);
}

}  // namespace relais::config
