// A change of the configuration's files, from its draft to the running server: locked against other
// shells, checked as a whole by config's own reader, written atomically, logged, and told to the
// server. Either all of it is in the files or nothing.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "config/document.h"
#include "config/file_edit.h"
#include "config/load.h"
#include "shell/cmdlet.h"

namespace relais::shell {

inline constexpr std::string_view kMainFile = "relais.toml";

// What the cmdlet makes of the folder as it is.
struct Change {
  std::string what;       // "Setting Receive connector \"RELAY\\Relay\"", for -WhatIf
  std::string file;       // the one that is meant, in the folder
  config::Overlay files;  // that one, and others if there are
  Pairs before;           // for the audit log
  Pairs after;
  std::string gone = {};  // what is removed, for -WhatIf in place of `after`
};

// The folder, as it is now.
class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)), loaded_(config::load(path_)) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const config::Loaded& loaded() const { return loaded_; }
  [[nodiscard]] const config::Model& model() const { return loaded_.model; }
  // "connectors/x.toml" of DIR/connectors/x.toml
  [[nodiscard]] std::string name_in(const std::string& path) const;
  [[nodiscard]] std::string path_of(std::string_view name) const;
  // The text of a file in the folder; empty when it is not there.
  [[nodiscard]] std::string text(std::string_view name) const;
  // The same, ready to be edited. Unexpected: it is no TOML, so nothing can be changed in it.
  [[nodiscard]] std::expected<config::FileEdit, std::string> edit(std::string_view name) const;
  // Takes over the edited text. Unexpected: it is not what was meant, and what to mend first.
  [[nodiscard]] std::expected<void, std::string> take(Change& change,
                                                      const config::FileEdit& edited) const;
  [[nodiscard]] config::Table table(std::string_view name) const;  // empty when it is no TOML
  // Why there is nothing to read: it is not there, or no folder; nullopt: it is one.
  [[nodiscard]] std::optional<std::string> problem() const;

 private:
  std::string path_;
  config::Loaded loaded_;
};

// Whether the folder can be shown. Says what is not seen of it because a file cannot be read.
[[nodiscard]] bool can_show(const Call& call, const Folder& folder);

// Records a key's value before and after, where it differs.
void note_change(Change& change, std::string_view key, const std::optional<std::string>& before,
                 const std::optional<std::string>& after);

// nullopt: nothing to do; unexpected: what to say.
using Draft = std::expected<std::optional<Change>, std::string>;
// Runs `draft` on the folder under the lock, and carries out what it gives. True: done, or
// asked with -WhatIf what would be; false: refused, and said why.
bool carry_out(const Call& call, const std::function<Draft(const Folder&)>& draft);

// Whether to go on with what -Confirm or the nature of the cmdlet wants to be asked first.
[[nodiscard]] bool is_confirmed(const Call& call, const std::string& what, bool asks_by_default);

}  // namespace relais::shell
