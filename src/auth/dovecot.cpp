#include "auth/dovecot.h"

#include <charconv>
#include <utility>

#include "base/wipe.h"
#include "smtp/base64.h"

namespace relais::auth {
namespace {

constexpr size_t kLineMax = 8192;  // Dovecot's own limit
constexpr std::string_view kMechanism = "PLAIN";

std::string_view take_field(std::string_view& line) {
  const size_t end = line.find('\t');
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return field;
}

bool parse_number(std::string_view text, uint32_t& number) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

// A FAIL that says nothing about the password.
bool is_temporary(std::string_view fields) {
  while (!fields.empty()) {
    const std::string_view field = take_field(fields);
    if (field == "temp" || field == "code=temp_fail") return true;
  }
  return false;
}

// The account, which may have another name than the one that was typed (username_format).
std::string user_in(std::string_view fields) {
  constexpr std::string_view kUser = "user=";
  while (!fields.empty()) {
    const std::string_view field = take_field(fields);
    if (field.starts_with(kUser)) return std::string(field.substr(kUser.size()));
  }
  return {};
}

}  // namespace

DovecotDialogue::DovecotDialogue(uint32_t process_id) {
  output_ = "VERSION\t1\t1\nCPID\t" + std::to_string(process_id) + "\n";
}

bool DovecotDialogue::fail(std::string what) {
  problem_ = std::move(what);
  return false;
}

bool DovecotDialogue::feed(std::string_view bytes, std::vector<Answer>& answers) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    input_.append(bytes.substr(0, end));
    if (input_.size() > kLineMax) return fail("sent a line of more than 8192 octets");
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    const std::string line = std::exchange(input_, {});
    if (!take(line, answers)) return false;
  }
  return true;
}

// Commands that we do not know are skipped, as the protocol wants it.
bool DovecotDialogue::take(std::string_view line, std::vector<Answer>& answers) {
  const std::string_view command = take_field(line);
  if (!versioned_) {
    return command == "VERSION" ? take_version(line)
                                : fail("does not speak Dovecot's authentication protocol");
  }
  if (command == "MECH" && take_field(line) == kMechanism) plain_ = true;
  if (command == "DONE") return take_done();
  const bool yes = command == "OK";
  const bool no = command == "FAIL";
  const bool more = command == "CONT";  // PLAIN has all in its first response
  if (!yes && !no && !more) return true;
  uint32_t id = 0;
  if (!parse_number(take_field(line), id)) return fail("sent an answer without a number");
  const Outcome refused = more || is_temporary(line) ? Outcome::kUnavailable : Outcome::kNo;
  answers.push_back({id, yes ? Outcome::kYes : refused, yes ? user_in(line) : std::string{}});
  return true;
}

bool DovecotDialogue::take_version(std::string_view fields) {
  uint32_t major = 0;
  if (!parse_number(take_field(fields), major) || major != 1)
    return fail("speaks another version of Dovecot's authentication protocol than 1");
  versioned_ = true;
  return true;
}

bool DovecotDialogue::take_done() {
  ready_ = true;
  return plain_ || fail("does not offer the mechanism PLAIN");
}

void DovecotDialogue::ask(uint32_t id, const Request& request) {
  std::string message(1, '\0');
  message.append(request.user).append(1, '\0').append(request.password);
  std::string response = smtp::encode_base64(message);
  output_.append("AUTH\t").append(std::to_string(id)).append(1, '\t').append(kMechanism);
  output_.append("\tservice=smtp\tnologin\tlip=").append(request.local.to_string());
  output_.append("\trip=").append(request.client.to_string());
  if (request.in_tls) output_.append("\tsecured");
  output_.append("\tresp=").append(response).append(1, '\n');  // the last field, by the protocol
  wipe(message);
  wipe(response);
}

}  // namespace relais::auth
