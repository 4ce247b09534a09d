// Parameters of MAIL and RCPT (RFC 5321 4.1.2 Mail-parameters): SIZE (RFC 1870), BODY (RFC 6152,
// 3030), SMTPUTF8 (RFC 6531), REQUIRETLS (RFC 8689), RET, ENVID, NOTIFY and ORCPT (RFC 3461), AUTH
// (RFC 4954 section 5: from clients that are trusted with it). What is not offered is refused
// (555), what is given twice or is badly formed too (501).
#pragma once

#include <cstdint>
#include <string_view>

#include "smtp/reply.h"
#include "smtp/transaction.h"

namespace relais::smtp {

struct ServerOptions;

struct Parameter {
  std::string_view keyword;
  std::string_view value;  // may be empty
  bool has_value = false;
};

// Takes the next "KEYWORD[=value]" from the front of `text`, blanks before it too. False: not one.
[[nodiscard]] bool take_parameter(std::string_view& text, Parameter& parameter);

struct MailParameters {
  uint64_t size = 0;  // saturated; 0: not given
  BodyType body = BodyType::kUnspecified;
  bool utf8 = false;
  bool require_tls = false;
  DsnReturn ret = DsnReturn::kUnspecified;
  std::string_view envid;  // as sent
};

// Both return nullptr when all is well. `text` is what the path left.
[[nodiscard]] const Reply* check_mail_parameters(std::string_view text,
                                                 const ServerOptions& options, MailParameters& out);
[[nodiscard]] const Reply* check_rcpt_parameters(std::string_view text,
                                                 const ServerOptions& options, RecipientDsn& out);

}  // namespace relais::smtp
