// Whose address a From field shows: the domains of its addresses, for the check that
// ms-Exch-SMTP-Accept-Any-Sender spares (exchange-reference.md section 3). Reads the syntax of RFC
// 5322 3.4 with comments, quoted strings, folds and groups; whatever two readers might understand
// in two ways is not understood at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::smtp {

// `values`: each From field from its colon on, each ended by its CRLF. Empty: there
// is no such field, and no domain. nullopt: cannot be read with certainty, or shows no address.
[[nodiscard]] std::optional<std::vector<std::string>> from_domains(std::string_view values);

}  // namespace relais::smtp
