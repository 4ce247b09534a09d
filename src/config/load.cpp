#include "config/load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <tuple>

#include "config/address_book_file.h"
#include "config/checks.h"
#include "config/parameter.h"
#include "config/readers.h"
#include "config/section.h"

namespace relais::config {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMainFileName = "relais.toml";
constexpr std::string_view kConnectorFolder = "connectors";

std::string join(const std::string& folder, std::string_view name) {
  return folder + (folder.ends_with('/') ? "" : "/") + std::string(name);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

// The text that stands over a file, or nullptr: the file itself counts.
const std::optional<std::string>* covered(const Overlay& overlay, const Place& place) {
  std::string_view name(place.file());
  name.remove_prefix(join(place.folder(), "").size());
  const auto found = overlay.find(std::string(name));
  return found == overlay.end() ? nullptr : &found->second;
}

// The file's tree, or nullopt after a report.
std::optional<Table> read_file(const Place& place, const Overlay& overlay) {
  const auto* text = covered(overlay, place);
  auto document =
      text != nullptr && text->has_value() ? parse_document(**text) : read_document(place.file());
  if (document) return std::move(*document);
  place.at_line(document.error().line)
      .error(document.error().line != 0 ? Rule::kNotToml : Rule::kUnreadable, document.error().what,
             document.error().line != 0 ? "This line, or the one before it, is not TOML"
                                        : "The file must exist and be readable");
  return std::nullopt;
}

// *.toml in the folder, sorted, without the hidden ones that editors leave behind.
std::vector<std::string> connector_files(const std::string& folder, const Place& place,
                                         const Overlay& overlay) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".toml") && !name.starts_with('.')) names.push_back(join(folder, name));
  }
  for (const auto& [name, text] : overlay) {
    if (!name.starts_with(kConnectorFolder)) continue;
    const std::string path = join(place.folder(), name);
    std::erase(names, path);
    if (text.has_value()) {
      names.push_back(path);
      failed.clear();
    }
  }
  if (failed) {
    place.error(Rule::kUnreadable, "cannot be read: " + failed.message(),
                "Make the folder and put one file a Receive connector into it");
  } else if (names.empty()) {
    place.error(Rule::kNobodyListens, "no *.toml in this folder: nothing would listen",
                "Put one file a Receive connector into it, such as default.toml");
  }
  std::ranges::sort(names);
  return names;
}

std::optional<ConnectorFile> read_connector_file(const Place& place, const Overlay& overlay) {
  const auto table = read_file(place, overlay);
  if (!table) return std::nullopt;
  ConnectorFile file{{}, place};
  file.draft.source = place.file();
  // What is missing from the file is reported at its first line.
  const Place section = place.at_line(1);
  file.draft.lines = read_section(receive_connector_parameters(), *table, section, file.draft);
  check_connector(file.draft, place);
  return file;
}

Model finish(ModelDraft draft, std::vector<ConnectorFile> files) {
  Model model;
  model.server = std::move(draft.server);
  model.spool = draft.spool;
  model.retry = draft.retry;
  model.notifications = std::move(draft.notifications);
  model.limits = draft.limits;
  model.admin = draft.admin;
  model.back_pressure = draft.back_pressure;
  model.tls = draft.tls;
  model.auth = draft.auth;
  model.protocol_log = std::move(draft.protocol_log);
  for (auto& domain : draft.accepted_domains) model.accepted_domains.push_back(std::move(domain));
  for (auto& connector : draft.send_connectors) {
    model.send_connectors.push_back(std::move(connector));
  }
  for (auto& file : files) model.receive_connectors.push_back(std::move(file.draft));
  return model;
}

// In the order in which a person would walk through the files.
void sort_findings(std::vector<Finding>& findings, const std::string& main_file) {
  std::ranges::stable_sort(findings, {}, [&](const Finding& finding) {
    return std::tuple(finding.file != main_file, std::string_view(finding.file), finding.line);
  });
}

std::vector<ConnectorFile> read_folder(Loaded& loaded, const std::string& directory,
                                       const std::string& folder, const Overlay& overlay) {
  const Place place(loaded.findings, directory, folder);
  std::vector<ConnectorFile> files;
  for (const std::string& name : connector_files(folder, place, overlay)) {
    auto file = read_connector_file(Place(loaded.findings, directory, name), overlay);
    if (file) files.push_back(std::move(*file));
  }
  check_connectors(files, place);
  return files;
}

void complete(Loaded& loaded, ModelDraft draft, std::vector<ConnectorFile> files,
              const std::string& main_file) {
  sort_findings(loaded.findings, main_file);
  loaded.ok = std::ranges::none_of(loaded.findings, [](const Finding& finding) {
    return finding.severity == Finding::Severity::kError;
  });
  for (auto& file : files) {
    std::vector<uint32_t> limits;
    for (const LimitPlace& limit : file.draft.limit_places) {
      limits.push_back(limit.lines.section_line);
    }
    loaded.lines.push_back({std::move(file.draft.lines), std::move(file.draft.range_origins),
                            std::move(file.draft.permission_lines), std::move(limits)});
  }
  loaded.model = finish(std::move(draft), std::move(files));
}

}  // namespace

Loaded load(const std::string& directory, const std::vector<IpAddress>& addresses,
            const Overlay& overlay, Secrets secrets) {
  Loaded loaded;
  const auto place = [&](std::string file) {
    return Place(loaded.findings, directory, std::move(file));
  };
  const Place main_file = place(join(directory, kMainFileName));
  ModelDraft draft;
  const auto table = read_file(main_file, overlay);
  if (table) {
    read_section(main_file_parameters(), *table, main_file, draft);
    check_main(draft, main_file);
    check_protocol_log(draft, main_file);
  }
  std::shared_ptr<const policy::AddressBook> address_book;
  if (!draft.address_book.empty()) {
    address_book =
        std::make_shared<const policy::AddressBook>(read_address_book(place(draft.address_book)));
  }
  if (draft.server.fqdn.empty()) draft.server.fqdn = host_name();
  if (draft.server.cores.empty()) draft.server.cores = allowed_cpus();

  const std::string folder = join(directory, kConnectorFolder);
  std::vector<ConnectorFile> files = read_folder(loaded, directory, folder, overlay);
  check_tls(draft, main_file, files);
  check_tls_agreement(files);
  check_auth(draft, main_file, files);
  if (secrets == Secrets::kRead) {
    check_certificate(draft, main_file, files);
    check_password_file(draft, main_file);
    check_hop_files(draft, main_file);
  }
  check_next_hops(draft, main_file, files);
  if (table) check_ways_out(draft, main_file, files);
  check_message_sizes(draft, files);
  check_reserved_shares(draft, files);
  if (!addresses.empty()) check_interfaces(files, addresses);

  std::string address_book_file = draft.address_book;
  complete(loaded, std::move(draft), std::move(files), main_file.file());
  loaded.model.address_book = std::move(address_book);
  loaded.model.address_book_file = std::move(address_book_file);
  return loaded;
}

Loaded load_connectors(const std::string& folder) {
  Loaded loaded;
  std::vector<ConnectorFile> files = read_folder(loaded, folder, folder, {});
  complete(loaded, {}, std::move(files), {});
  return loaded;
}

bool is_connector_folder(const std::string& folder) {
  std::error_code failed;
  if (fs::exists(join(folder, kMainFileName), failed)) return false;
  return fs::is_directory(folder, failed) && !fs::exists(join(folder, kConnectorFolder), failed);
}

std::string sentence(const Finding& finding) {
  std::string text;
  if (!finding.key.empty()) text = finding.key + ": ";
  text += finding.what;
  if (!finding.cure.empty()) text += ". " + finding.cure;
  text += fmt::format(". [{}]", id_of(finding.rule));
  // What the file says is quoted; it must not move the cursor or make a line of its own.
  std::ranges::replace_if(
      text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, '?');
  return text;
}

std::string to_string(const Finding& finding) {
  std::string text = finding.file;
  if (finding.line != 0) text += fmt::format(":{}", finding.line);
  text += ": ";
  if (finding.severity == Finding::Severity::kWarning) text += "warning: ";
  return text + sentence(finding);
}

}  // namespace relais::config
