#include "load/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "base/assert.h"
#include "smtp/dotted_line.h"

namespace relais::load {
namespace {

namespace fs = std::filesystem;

// Different bodies of one size: enough that no two messages in a row are equal, few enough that
// the small ones stay in the processor's cache.
constexpr uint64_t kVariantsMax = 16;
constexpr uint64_t kClassOctetsMax = uint64_t{4} << 20;
constexpr size_t kRecipientsNamed = 10;  // in To
constexpr size_t kMarkOctetsMax = 110;   // with 20 digits for either number

constexpr std::string_view kWords[] = {
    "relay",  "the",   "message", "of",    "a",        "printer", "said",    "that", "nothing",
    "was",    "lost",  "in",      "this",  "hour",     "and",     "all",     "of",   "its",
    "queue",  "stood", "still",   "while", "somebody", "looked",  "for",     "an",   "answer",
    "before", "it",    "went",    "on",    "again",    "with",    "another", "line", "number"};

// A line of words, now and then one that begins with a dot.
void append_line(std::string& out, Prng& random) {
  const uint64_t length = random.between(20, 74);
  const size_t start = out.size();
  if (random.one_in(50)) out += '.';
  while (out.size() - start < length) {
    out += kWords[random.below(std::size(kWords))];
    out += ' ';
  }
  out.back() = '.';
  out += "\r\n";
}

// Exactly so many octets, the last two a line end.
std::string make_text(uint64_t octets, Prng& random) {
  ASSERT(octets >= 2);
  std::string text;
  text.reserve(octets + 128);
  while (text.size() < octets - 2) append_line(text, random);
  text.resize(octets - 2);
  if (text.ends_with('\r')) text.back() = '.';
  return text += "\r\n";
}

bool is_field(std::string_view line) {
  const size_t colon = line.find(':');
  return colon != 0 && colon != std::string_view::npos &&
         std::ranges::all_of(line.substr(0, colon), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_8bit(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

std::string to_field(const std::vector<std::string>& recipients) {
  if (recipients.size() > kRecipientsNamed) return "To: undisclosed-recipients:;\r\n";
  std::string field = "To: ";
  for (const std::string& recipient : recipients) {
    if (&recipient != &recipients.front()) field += ",\r\n ";
    field += fmt::format("<{}>", recipient);
  }
  return field + "\r\n";
}

// Cuts a file into header and body; one that has no header is all body.
Body cut(std::string text) {
  Body body;
  body.eight_bit = is_8bit(text);
  const bool has_header = is_field(std::string_view(text).substr(0, text.find("\r\n")));
  const size_t empty = has_header ? text.find("\r\n\r\n") : std::string::npos;
  if (empty != std::string::npos) {
    body.header = text.substr(0, empty + 2);
    body.bytes = text.substr(empty + 4);
  } else {
    (has_header ? body.header : body.bytes) = std::move(text);
  }
  return body;
}

std::expected<std::string, std::string> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) {
    return std::unexpected(
        fmt::format("cannot use {} of the corpus: it is empty or cannot be read", path.string()));
  }
  return text;
}

}  // namespace

std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32 + 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' || text[i] == '\n') {
      if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      out += "\r\n";
    } else {
      out += text[i];
    }
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out;
}

std::string dotted(std::string_view raw) {
  std::string out;
  out.reserve(raw.size() + raw.size() / 256 + 8);
  if (raw.starts_with('.')) out += '.';
  while (!raw.empty()) {
    const size_t dot = smtp::next_dotted_line(raw, false);
    out += raw.substr(0, dot);
    raw.remove_prefix(dot);
    if (raw.empty()) break;
    // The dot that begins the line stays in front of what follows.
    out += "..";
    raw.remove_prefix(1);
  }
  if (!out.empty() && !out.ends_with("\r\n")) out += "\r\n";
  return out += ".\r\n";
}

Content::Content(const ContentOptions& options) {
  // Seeded runs are alike in all but this, so that what is left of one is not taken for another's.
  std::random_device device;
  run_ = uint64_t{device()} << 32 | device();
  fields_ = fmt::format("From: <{}>\r\n", options.sender) + to_field(options.recipients) +
            "Subject: a message of relais-load ";
}

void Content::add(Body body, Form form) {
  body.sum = ledger::sum_of_body(body.bytes);
  if (form == Form::kDotted) body.bytes = dotted(body.bytes);
  bodies_.push_back(std::move(body));
}

std::expected<std::unique_ptr<Content>, std::string> Content::generate(
    const SizeMix& mix, const ContentOptions& options) {
  std::unique_ptr<Content> content(new Content(options));
  content->mix_ = mix;
  Prng random(options.seed);
  std::string header;
  for (const SizeMix::Class& size : mix.classes()) {
    Body body;
    content->write_header(header, body, 0, {});
    if (size.octets < header.size() + 2) {
      return std::unexpected(
          fmt::format("size {} has no room for the header that carries the mark: at least {}",
                      size.octets, header.size() + 2));
    }
    content->first_of_class_.push_back(content->bodies_.size());
    const uint64_t variants = std::clamp<uint64_t>(kClassOctetsMax / size.octets, 1, kVariantsMax);
    for (uint64_t i = 0; i < variants; ++i) {
      body.bytes = make_text(size.octets - header.size(), random);
      content->add(body, options.form);
    }
  }
  content->first_of_class_.push_back(content->bodies_.size());
  return content;
}

std::expected<std::unique_ptr<Content>, std::string> Content::read_corpus(
    const std::string& folder, const ContentOptions& options) {
  std::unique_ptr<Content> content(new Content(options));
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (entry->is_regular_file(failed)) files.push_back(entry->path());
  }
  if (failed) {
    return std::unexpected(fmt::format("cannot read the corpus {}: {}; name a folder with messages",
                                       folder, failed.message()));
  }
  if (files.empty())
    return std::unexpected(fmt::format("the corpus {} holds no file; put messages there", folder));
  std::ranges::sort(files);
  uint64_t octets = 0;
  for (const fs::path& path : files) {
    auto text = read_file(path);
    if (!text) return std::unexpected(text.error());
    octets += text->size();
    if (octets > kCorpusMax) {
      return std::unexpected(fmt::format("the corpus {} is larger than {} MiB; use a part of it",
                                         folder, kCorpusMax >> 20));
    }
    content->add(cut(with_crlf(*text)), options.form);
  }
  return content;
}

const Body& Content::draw(Prng& random) const {
  if (first_of_class_.empty()) return bodies_[random.below(bodies_.size())];
  const size_t index = mix_.draw(random);
  const size_t first = first_of_class_[index];
  return bodies_[first + random.below(first_of_class_[index + 1] - first)];
}

// Of one length for all numbers and bodies, so that a size is exact: what the mark's digits leave
// goes to the subject.
void Content::write_header(std::string& out, const Body& body, uint64_t number, WallTime date) {
  if (const int64_t second = date.ns / 1'000'000'000; second != date_second_) {
    date_second_ = second;
    date_ = fmt::format("Date: {:>31}\r\n", rfc5322_date(date));  // days have one digit or two
  }
  out.clear();
  ledger::append_mark(out, mark_of(body, number));
  if (body.header.empty()) {
    ASSERT(out.size() <= kMarkOctetsMax);
    const size_t left = kMarkOctetsMax - out.size();
    out += date_;
    out += fields_;
    out.append(left, '.');
    out += "\r\n";
  } else {
    out += body.header;
  }
  out += "\r\n";
}

}  // namespace relais::load
