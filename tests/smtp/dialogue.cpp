#include "dialogue.h"

#include "smtp/xclient.h"

#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>

namespace relais::smtp::test {
namespace {

constexpr std::string_view kClient = "192.168.5.10";
constexpr std::string_view kDate = "Fri, 5 Aug 2016 16:24:41 +0000";
constexpr std::string_view kFqdn = "relay.contoso.com";

uint64_t number(std::string_view text) {
  if (text == "unlimited") return UINT32_MAX;
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  EXPECT_TRUE(parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) << text;
  return value;
}

bool truth(std::string_view text) {
  EXPECT_TRUE(text == "true" || text == "false") << text;
  return text == "true";
}

void set_option(ServerOptions& options, const std::string& name, const std::string& value) {
  using Set = std::function<void(ServerOptions&, const std::string&)>;
  const auto small = [](uint32_t ServerOptions::*member) -> Set {
    return [member](ServerOptions& o, const std::string& v) {
      o.*member = static_cast<uint32_t>(number(v));
    };
  };
  const auto flag = [](bool ServerOptions::*member) -> Set {
    return [member](ServerOptions& o, const std::string& v) { o.*member = truth(v); };
  };
  const auto rule = [](bool HeaderRules::*member) -> Set {
    return [member](ServerOptions& o, const std::string& v) { o.header.*member = truth(v); };
  };
  static const std::map<std::string, Set> kSetters = {
      {"banner", [](ServerOptions& o, const std::string& v) { o.banner = v; }},
      {"fqdn", [](ServerOptions& o, const std::string& v) { o.fqdn = v; }},
      {"max_message_size",
       [](ServerOptions& o, const std::string& v) { o.max_message_size = number(v); }},
      {"max_header_size", small(&ServerOptions::max_header_size)},
      {"max_recipients", small(&ServerOptions::max_recipients)},
      {"max_hop_count", small(&ServerOptions::max_hop_count)},
      {"max_local_hop_count", small(&ServerOptions::max_local_hop_count)},
      {"max_protocol_errors", small(&ServerOptions::max_protocol_errors)},
      {"pipelining", flag(&ServerOptions::pipelining)},
      {"size", flag(&ServerOptions::size)},
      {"size_value", flag(&ServerOptions::size_value)},
      {"limit_message_size", flag(&ServerOptions::limit_message_size)},
      {"auth_parameter", flag(&ServerOptions::auth_parameter)},
      {"exch50", flag(&ServerOptions::exch50)},
      {"starttls", flag(&ServerOptions::starttls)},
      {"auth", flag(&ServerOptions::auth)},
      {"auth_needs_tls", flag(&ServerOptions::auth_needs_tls)},
      {"max_logon_failures", small(&ServerOptions::max_logon_failures)},
      {"dsn", flag(&ServerOptions::dsn)},
      {"binary_mime", flag(&ServerOptions::binary_mime)},
      {"chunking", flag(&ServerOptions::chunking)},
      {"limits", flag(&ServerOptions::limits)},
      {"require_tls", flag(&ServerOptions::require_tls)},
      {"smtp_utf8", flag(&ServerOptions::smtp_utf8)},
      {"eight_bit_mime", flag(&ServerOptions::eight_bit_mime)},
      {"enhanced_status_codes", flag(&ServerOptions::enhanced_status_codes)},
      {"require_ehlo_domain", flag(&ServerOptions::require_ehlo_domain)},
      {"reject_bare_line_ends", flag(&ServerOptions::reject_bare_line_ends)},
      {"keep_routing", rule(&HeaderRules::keep_routing)},
      {"keep_organization", rule(&HeaderRules::keep_organization)},
      {"keep_forest", rule(&HeaderRules::keep_forest)},
      {"stamped", rule(&HeaderRules::stamped)},
      {"own_name", [](ServerOptions& o, const std::string& v) { o.header.own_names.push_back(v); }},
  };
  const auto setter = kSetters.find(name);
  ASSERT_TRUE(setter != kSetters.end()) << "no such option: " << name;
  setter->second(options, value);
}

// "250 2.1.0 Sender OK", the status may be missing.
Answer parse_answer(std::string_view text, bool close) {
  Answer answer;
  answer.verdict.close = close;
  answer.verdict.reply.code = static_cast<uint16_t>(number(text.substr(0, 3)));
  text.remove_prefix(std::min<size_t>(4, text.size()));
  unsigned klass = 0, subject = 0, detail = 0;
  int length = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%1u.%u.%u %n", &klass, &subject, &detail, &length) == 3 &&
      length > 0) {
    answer.verdict.reply.status = {static_cast<uint8_t>(klass), static_cast<uint16_t>(subject),
                                   static_cast<uint16_t>(detail)};
    text.remove_prefix(static_cast<size_t>(length));
  }
  answer.text = text;
  return answer;
}

std::string show(const Reply& reply) {
  std::string line;
  append_reply(line, reply, true);
  line.resize(line.size() - 2);
  return line;
}

std::string shown_path(const Path& path) { return path.is_null() ? "<>" : escape(path.address); }

std::string with_word(std::string line, std::string_view word) {
  if (!word.empty()) line += " " + escape(word);
  return line;
}

std::string client_bytes(const std::string& line) {
  const std::string said = line.size() > 2 ? unescape(std::string_view(line).substr(3)) : "";
  return said + (line[1] == ':' ? "\r\n" : "");
}

}  // namespace

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case '\\':
        out += '\\';
        break;
      case 'x':
        out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
        break;
      case '{': {
        const size_t star = text.find('*', i);
        const size_t end = text.find('}', i);
        const uint64_t times = number(text.substr(i + 1, star - i - 1));
        for (uint64_t n = 0; n < times; ++n) out += unescape(text.substr(star + 1, end - star - 1));
        i = end;
        break;
      }
      default:
        ADD_FAILURE() << "unknown escape in: " << text;
    }
  }
  return out;
}

std::string escape(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto value = static_cast<unsigned char>(c);
    switch (c) {
      case '\r':
        out += "\\r";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\0':
        out += "\\0";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        if (c >= ' ' && c <= '~') {
          out += c;
        } else {
          out += {'\\', 'x', kHex[value >> 4], kHex[value & 15]};
        }
    }
  }
  return out;
}

Dialogue read_dialogue(const std::string& path) {
  Dialogue dialogue;
  dialogue.options.fqdn = kFqdn;
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  bool in_title = true;
  for (std::string line; std::getline(file, line);) {
    if (in_title) {
      in_title = !line.empty();
      if (in_title) dialogue.title += line + "\n";
    } else if (line.starts_with("option ")) {
      const size_t blank = line.find(' ', 7);
      dialogue.option_lines.push_back(line);
      const std::string name = line.substr(7, blank - 7);
      if (name == "xclient") {
        dialogue.xclient = truth(line.substr(blank + 1));
      } else {
        set_option(dialogue.options, name, line.substr(blank + 1));
      }
    } else if (line.starts_with("C: ") || line.starts_with("C- ") || line == "C:") {
      dialogue.client_lines.push_back(line);
      dialogue.input += client_bytes(dialogue.client_lines.back());
    } else if (line.starts_with("! ") || line.starts_with("!! ")) {
      const bool close = line[1] == '!';
      dialogue.answers.push_back(parse_answer(std::string_view(line).substr(close ? 3 : 2), close));
      dialogue.trace.push_back(line);
    } else if (line.starts_with("S: ") || line.starts_with("? ")) {
      dialogue.trace.push_back(line);
    } else if (!line.empty()) {
      ADD_FAILURE() << path << ": not a dialogue line: " << line;
    }
  }
  return dialogue;
}

Replay::Replay(const ServerOptions& options, std::vector<Answer> answers, bool xclient)
    : options_(options),
      answers_(std::move(answers)),
      server_(std::make_unique<Server>(options_, kClient)) {
  if (xclient) server_->trust_with_xclient();
  server_->greet(kDate);
  note_output();
}

void Replay::feed(std::string_view piece) {
  lend(piece);
  for (;;) {
    if (moves_ && server_->stands()) move();
    const Event event = server_->next();
    server_->invariants();
    note_output();
    if (event.kind == Event::Kind::kNeedInput) break;
    if (event.kind == Event::Kind::kClose && closed_) break;
    note(event);
    if (event.is_question()) decide(event);
    server_->invariants();
    note_output();
  }
  EXPECT_TRUE(server_->needs_input());
}

void Replay::lend(std::string_view bytes) {
  memory_ = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), memory_.get());
  server_->feed({memory_.get(), bytes.size()});
  server_->invariants();
}

void Replay::move() {
  const Standing standing = server_->standing();
  server_ = std::make_unique<Server>(options_, client_.empty() ? kClient : client_);
  server_->resume(standing);
  server_->invariants();
  lend(standing.unread);
}

void Replay::note(const Event& event) {
  using Kind = Event::Kind;
  switch (event.kind) {
    case Kind::kNeedInput:
      break;
    case Kind::kCommand:
      trace_.push_back("? command");
      break;
    case Kind::kStartTls:
      trace_.push_back("? starttls");
      break;
    case Kind::kXclient:
      trace_.push_back("? xclient " + escape(event.bytes));
      break;
    case Kind::kAuth:
      trace_.push_back("? auth " + escape(server_->credentials().user) + ' ' +
                       escape(server_->credentials().password));
      break;
    case Kind::kMail:
      trace_.push_back("? mail " + shown_path(event.path) +
                       (event.size != 0 ? " size=" + std::to_string(event.size) : ""));
      break;
    case Kind::kRecipient:
      trace_.push_back("? rcpt " + shown_path(event.path));
      break;
    case Kind::kData:
      body_.clear();  // of a transaction that was given up
      note_extensions();
      trace_.push_back("? data");
      break;
    case Kind::kBody:
      EXPECT_FALSE(event.bytes.empty());
      body_ += event.bytes;
      break;
    case Kind::kDataEnd:
      for (size_t at = 0; at < body_.size();) {
        const size_t end = std::min(body_.find('\n', at), body_.size() - 1) + 1;
        trace_.push_back("? body " + escape(body_.substr(at, end - at)));
        at = end;
      }
      body_.clear();
      trace_.push_back("? end");
      break;
    case Kind::kDataRefused:
      trace_.push_back("? data refused");
      break;
    case Kind::kReset:
      trace_.push_back("? reset");
      break;
    case Kind::kRefused:
      trace_.push_back(with_word("? refused", event.bytes));
      break;
    case Kind::kAnswered:
      break;
    case Kind::kHello:
      trace_.push_back(with_word(server_->is_esmtp() ? "? ehlo" : "? helo", server_->hello_name()));
      break;
    case Kind::kClose:
      closed_ = true;
      trace_.push_back("? close " + show(event.reply));
      break;
  }
}

// Of the transaction whose content is about to come.
void Replay::note_extensions() {
  const Transaction& transaction = server_->transaction();
  if (transaction.utf8) trace_.push_back("? utf8");
  if (!transaction.has_dsn()) return;
  std::string mail = "? dsn of mail";
  if (transaction.ret != DsnReturn::kUnspecified)
    mail += " ret=" + std::string(name_of(transaction.ret));
  if (!transaction.envid().empty()) mail += " envid=" + std::string(transaction.envid());
  trace_.push_back(mail);
  for (size_t i = 0; i < transaction.recipient_count(); ++i) {
    const RecipientDsn dsn = transaction.recipient_dsn(i);
    std::string line = "? dsn of rcpt";
    if (dsn.notify != 0) append_notify(line += " notify=", dsn.notify);
    if (!dsn.orcpt.empty()) line += " orcpt=" + escape(dsn.orcpt);
    trace_.push_back(line);
  }
}

void Replay::decide(const Event& event) {
  Answer answer{{replies::kNoop, false}, "OK"};
  if (event.kind == Event::Kind::kAuth)
    answer = {{replies::kAuthenticated, false}, "Authentication successful"};
  if (event.kind == Event::Kind::kXclient) answer = {{{250, {2, 0, 0}, ""}, false}, "OK"};
  if (event.kind == Event::Kind::kMail) answer = {{replies::kSenderOk, false}, "Sender OK"};
  if (event.kind == Event::Kind::kRecipient)
    answer = {{replies::kRecipientOk, false}, "Recipient OK"};
  if (event.kind == Event::Kind::kDataEnd) {
    answer = {{{250, {2, 6, 0}, ""}, false},
              "01234567-89ab-cdef-0123-456789abcdef Queued mail for delivery"};
  }
  if (next_answer_ < answers_.size()) answer = answers_[next_answer_++];
  const bool impossible =
      event.kind == Event::Kind::kAuth && server_->credentials().password.empty();
  if (impossible && answer.verdict.reply.positive())
    answer = {{replies::kLogonFailed, false}, "no"};
  answer.verdict.reply.text = answer.text;
  trace_.push_back((answer.verdict.close ? "!! " : "! ") + show(answer.verdict.reply));
  if (event.kind != Event::Kind::kXclient || !answer.verdict.reply.positive())
    return server_->answer(answer.verdict);
  const auto named = parse_xclient(event.bytes);
  ASSERT_TRUE(named.has_value());
  if (named->address) client_ = named->address->to_string();
  server_->begin_again(client_, !named->login.empty());
  server_->greet(kDate);
}

void Replay::note_output() {
  std::string_view output = server_->output();
  const size_t all = output.size();
  while (!output.empty()) {
    const size_t end = output.find("\r\n");
    ASSERT_NE(end, std::string_view::npos) << escape(output);
    EXPECT_LE(end + 2, 512U);
    const std::string_view line = output.substr(0, end);
    EXPECT_EQ(escape(line).find("\\x"), std::string::npos) << escape(line);
    EXPECT_EQ(line.find_first_of(std::string_view("\0\r\n\t", 4)), std::string_view::npos);
    trace_.push_back("S: " + std::string(line));
    output.remove_prefix(end + 2);
  }
  server_->output_consumed(all);
}

Trace Replay::take_trace() { return std::exchange(trace_, {}); }

Trace replay(const Dialogue& dialogue, const std::vector<size_t>& cuts, bool moves) {
  Replay session(dialogue.options, dialogue.answers, dialogue.xclient);
  if (moves) session.move_always();
  const std::string_view input = dialogue.input;
  size_t from = 0;
  for (const size_t cut : cuts) {
    session.feed(input.substr(from, cut - from));
    from = cut;
  }
  session.feed(input.substr(from));
  return session.take_trace();
}

std::string join(const Trace& trace) {
  std::string text;
  for (const auto& line : trace) text += line + "\n";
  return text;
}

std::string rewritten(const Dialogue& dialogue) {
  std::ostringstream out;
  out << dialogue.title << "\n";
  for (const auto& line : dialogue.option_lines) out << line << "\n";
  if (!dialogue.option_lines.empty()) out << "\n";
  Replay session(dialogue.options, dialogue.answers, dialogue.xclient);
  out << join(session.take_trace());
  for (const auto& line : dialogue.client_lines) {
    out << line << "\n";
    session.feed(client_bytes(line));
    out << join(session.take_trace());
  }
  return out.str();
}

}  // namespace relais::smtp::test
