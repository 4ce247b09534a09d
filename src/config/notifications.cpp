// [notifications]: its rows, reader, and the address that stands where none is written.
#include <algorithm>

#include "config/domain_name.h"
#include "config/parameter.h"
#include "config/readers.h"
#include "config/section.h"
#include "config/values.h"

namespace relais::config {
namespace {

constexpr size_t kLocalMax = 64;  // octets, RFC 5321 4.5.3.1.1

// RFC 5321 Dot-string.
bool is_local_part(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-/=?^_`{|}~.";
  const auto allowed = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kLocalMax && std::ranges::all_of(text, allowed) &&
         text.front() != '.' && text.back() != '.' && text.find("..") == std::string_view::npos;
}

std::optional<std::string> check_address(const Value& value, const Place& place) {
  const auto* text = read_string(value, place);
  if (text == nullptr) return std::nullopt;
  const size_t at = text->rfind('@');
  const bool good = at != std::string::npos && is_local_part(text->substr(0, at)) &&
                    parse_domain_name(std::string_view(*text).substr(at + 1)).has_value();
  if (good) return *text;
  place.wrong("'" + *text + "' is not an address");
  return std::nullopt;
}

constexpr Parameter<NotificationSettings> kNotifications[] = {
    {.key = "enabled",
     .target = &NotificationSettings::enabled,
     .takes = Takes::kRestart,
     .doc = "Tell senders of what could not be delivered (RFC 3464). Without it, and where nobody "
            "can or wants to be told, the message is kept in failed/ of data_dir."},
    {.key = "from",
     .exchange = "ExternalPostmasterAddress",
     .target = read_checked<NotificationSettings, &NotificationSettings::from, check_address>,
     .takes = Takes::kRestart,
     .allowed = "an address, such as \"postmaster@contoso.com\"",
     .default_text = "postmaster at the first Authoritative accepted domain, or else at the fqdn",
     .doc = "The address that stands in From of notifications. Their envelope's sender is empty."},
};

bool is_pattern(const policy::AcceptedDomain& domain) {
  return domain.name.find('*') != std::string::npos;
}

// Null: there is none.
const policy::AcceptedDomain* own_domain(const Model& model) {
  const auto own = std::ranges::find_if(model.accepted_domains, [](const auto& domain) {
    return domain.type == policy::DomainType::kAuthoritative && !is_pattern(domain);
  });
  return own == model.accepted_domains.end() ? nullptr : &*own;
}

}  // namespace

std::span<const Parameter<NotificationSettings>> notification_parameters() {
  return kNotifications;
}

void read_notifications(const Value& value, const Place& place, ModelDraft& model) {
  read_table(notification_parameters(), value, place, model.notifications);
}

std::string postmaster_domain(const Model& model) {
  if (const auto* own = own_domain(model)) return own->name;
  const auto any = std::ranges::find_if_not(model.accepted_domains, is_pattern);
  return any == model.accepted_domains.end() ? std::string{} : any->name;
}

std::string notification_sender(const Model& model) {
  if (!model.notifications.from.empty()) return model.notifications.from;
  const auto* own = own_domain(model);
  return "postmaster@" + (own == nullptr ? model.server.fqdn : own->name);
}

}  // namespace relais::config
