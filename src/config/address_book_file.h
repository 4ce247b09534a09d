// Reads the address book: CSV (RFC 4180) of two columns, address and display name, in UTF-8, with
// or without a heading row, lines ending with LF or CRLF. Every mistake is reported with its line,
// up to a score of them.
#pragma once

#include "config/place.h"
#include "policy/address_book.h"

namespace relais::config {

// `file`: the place whose file() is the CSV file. What could be read; findings say what could not.
[[nodiscard]] policy::AddressBook read_address_book(const Place& file);

}  // namespace relais::config
