// One row a parameter. From the rows come the reader with its type and range checks, the list of
// known keys and docs/config.md; defaults are the initialisers of model.h and policy/connector.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "config/document.h"
#include "config/drafts.h"
#include "config/place.h"

namespace relais::config {

// What a plain number counts.
enum class Unit : uint8_t { kCount, kOctets };

// When a changed value takes effect.
enum class Takes : uint8_t { kReload, kRestart };

// kNotYet: the value is checked and kept, and nothing acts on it.
enum class Effect : uint8_t { kNow, kNotYet };

// For what no plain member can hold or check: reads a value into its owner and reports what is
// wrong.
template <class Owner>
using Reader = void (*)(const Value& value, const Place& place, Owner& owner);

template <class Owner>
using Target = std::variant<bool Owner::*, uint32_t Owner::*, uint64_t Owner::*, Duration Owner::*,
                            std::string Owner::*, Reader<Owner>>;

template <class Owner>
struct Parameter {
  std::string_view key;
  std::string_view exchange = {};  // Exchange's name; empty: it has none
  Target<Owner> target;
  uint64_t min = 0;  // count, octets or nanoseconds, both included
  uint64_t max = 0;
  Unit unit = Unit::kCount;
  bool may_be_unlimited = false;  // "unlimited" is UINT32_MAX in the member
  bool required = false;
  Takes takes = Takes::kReload;
  bool is_list = false;   // with a Reader only: of strings
  bool is_table = false;  // with a Reader only: [[key]], which is no parameter of a cmdlet
  // With a Reader only: completes "Write ...", and the default in words.
  std::string_view allowed = {};
  std::string_view default_text = {};
  Effect effect = Effect::kNow;
  std::string_view doc;  // one line
};

// The rows of each section, in the order of the documentation.
[[nodiscard]] std::span<const Parameter<ModelDraft>> main_file_parameters();
[[nodiscard]] std::span<const Parameter<ServerSettings>> server_parameters();
[[nodiscard]] std::span<const Parameter<SpoolSettings>> spool_parameters();
[[nodiscard]] std::span<const Parameter<RetrySettings>> retry_parameters();
[[nodiscard]] std::span<const Parameter<NotificationSettings>> notification_parameters();
[[nodiscard]] std::span<const Parameter<LimitSettings>> limits_parameters();
[[nodiscard]] std::span<const Parameter<AdminSettings>> admin_parameters();
[[nodiscard]] std::span<const Parameter<BackPressureSettings>> back_pressure_parameters();
[[nodiscard]] std::span<const Parameter<TlsSettings>> tls_parameters();
[[nodiscard]] std::span<const Parameter<CertificateDraft>> sni_parameters();
[[nodiscard]] std::span<const Parameter<AuthSettings>> auth_parameters();
[[nodiscard]] std::span<const Parameter<ProtocolLogSettings>> protocol_log_parameters();
[[nodiscard]] std::span<const Parameter<AcceptedDomainDraft>> accepted_domain_parameters();
[[nodiscard]] std::span<const Parameter<SendDraft>> send_connector_parameters();
[[nodiscard]] std::span<const Parameter<ReceiveDraft>> receive_connector_parameters();
[[nodiscard]] std::span<const Parameter<PermissionDraft>> permission_parameters();
[[nodiscard]] std::span<const Parameter<LimitDraft>> limit_parameters();

}  // namespace relais::config
