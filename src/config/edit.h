// Changes the text of a TOML file and leaves every octet alone that it was not told to change:
// comments, blank lines, order, line ends. Pure. The text must be valid TOML (read_document has
// taken it); what this cannot change without rewriting more than was asked, it refuses with a
// reason.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais::config {

// A value in TOML's notation.
[[nodiscard]] std::string toml_string(std::string_view text);
[[nodiscard]] std::string toml_list(const std::vector<std::string>& elements);  // of such values

class TomlText {
 public:
  // A section: the file's top, [name], or one of several [[name]].
  struct Section {
    std::string name;  // empty: the top of the file
    size_t index = 0;  // among those of this name
  };
  using Keys = std::vector<std::pair<std::string, std::string>>;  // key, value in TOML's notation

  explicit TomlText(std::string text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] size_t count(std::string_view section) const;
  // As it is written, or nullopt.
  [[nodiscard]] std::optional<std::string> value(const Section& section,
                                                 std::string_view key) const;

  // A key that is there keeps its place and the comment behind it; a new one goes behind the last
  // of its section. A section that is not there is appended.
  void set(const Section& section, std::string_view key, std::string_view value);
  // The same for a list. One that stands with an element a line keeps the lines, and so the
  // comments, of the elements that stay; `elements` are values in TOML's notation.
  void set_list(const Section& section, std::string_view key,
                const std::vector<std::string>& elements);
  // False: it was not there.
  bool remove(const Section& section, std::string_view key);

  // Unexpected: the tables of this name are written in another form.
  [[nodiscard]] std::expected<void, std::string> append_table(std::string_view name,
                                                              const Keys& keys);
  // False: it was not there. Comments above its header stay.
  bool remove_table(const Section& section);

 private:
  // One key and its value, or one header; offsets into text_.
  struct Item {
    bool is_header = false;
    bool is_array = false;  // [[name]]
    std::string name;       // of the key, or of the header; parts joined with dots
    size_t begin = 0;       // of its line
    size_t end = 0;         // behind its line end
    size_t value_begin = 0;
    size_t value_end = 0;
  };

  void scan();
  // Where the items of a section stand, without its header: [first, last); nullopt: there is none.
  struct Span {
    size_t first = 0;
    size_t last = 0;
  };
  [[nodiscard]] std::optional<Span> find(const Section& section) const;
  [[nodiscard]] const Item* find(const Section& section, std::string_view key) const;
  void replace(size_t begin, size_t end, std::string_view with);
  [[nodiscard]] size_t place_for_key(const Span& span) const;
  void append(std::string_view block);

  std::string text_;
  size_t start_ = 0;  // behind the byte order mark, if there is one
  std::string line_end_;
  std::vector<Item> items_;
};

}  // namespace relais::config
