#include "simulation/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"

namespace relais::simulation {

SimDisk::SimDisk() : used_(std::make_shared<uint64_t>(0)) { root_ = make_node(true); }

SimNodePtr SimDisk::make_node(bool directory) {
  auto node = std::make_shared<SimNode>();
  node->is_directory = directory;
  node->number = next_number_++;
  node->used = used_;
  std::erase_if(nodes_, [](const auto& weak) { return weak.expired(); });
  nodes_.push_back(node);
  return node;
}

int SimDisk::find_parent(const SimNodePtr& base, std::string_view path, SimNodePtr& parent,
                         std::string_view& name) const {
  parent = path.starts_with('/') ? root_ : base;
  name = {};
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (!name.empty()) {
      const auto it = parent->names.find(name);
      if (it == parent->names.end()) return -ENOENT;
      parent = it->second;
    }
    if (!parent->is_directory) return -ENOTDIR;
    name = part;
  }
  return 0;
}

int SimDisk::find(const SimNodePtr& base, std::string_view path, SimNodePtr& found) const {
  SimNodePtr parent;
  std::string_view name;
  if (const int result = find_parent(base, path, parent, name); result < 0) return result;
  if (name.empty()) {
    found = parent;
    return 0;
  }
  const auto it = parent->names.find(name);
  if (it == parent->names.end()) return -ENOENT;
  found = it->second;
  return 0;
}

int SimDisk::create(const SimNodePtr& base, std::string_view path, bool exclusive,
                    SimNodePtr& created) {
  SimNodePtr parent;
  std::string_view name;
  if (const int result = find_parent(base, path, parent, name); result < 0) return result;
  if (name.empty()) return -EISDIR;
  if (const auto it = parent->names.find(name); it != parent->names.end()) {
    if (exclusive) return -EEXIST;
    if (it->second->is_directory) return -EISDIR;
    created = it->second;
    return 0;
  }
  created = make_node(false);
  apply({{parent, std::string(name), created}});
  return 0;
}

int SimDisk::make_directories(std::string_view path) {
  for (size_t end = 0; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    SimNodePtr parent;
    std::string_view name;
    if (const int result = find_parent(root_, path.substr(0, end), parent, name); result < 0)
      return result;
    if (name.empty()) continue;
    const auto it = parent->names.find(name);
    if (it == parent->names.end()) {
      apply({{parent, std::string(name), make_node(true)}});
      sync_directory(parent, mark());  // ring::Kernel promises that
    } else if (!it->second->is_directory) {
      return -ENOTDIR;
    }
  }
  return 0;
}

int SimDisk::rename(const SimNodePtr& from_base, std::string_view from, const SimNodePtr& to_base,
                    std::string_view to) {
  SimNodePtr from_parent;
  SimNodePtr to_parent;
  std::string_view from_name;
  std::string_view to_name;
  if (const int result = find_parent(from_base, from, from_parent, from_name); result < 0)
    return result;
  if (const int result = find_parent(to_base, to, to_parent, to_name); result < 0) return result;
  const auto it = from_parent->names.find(from_name);
  if (it == from_parent->names.end()) return -ENOENT;
  const SimNodePtr node = it->second;
  const auto target = to_parent->names.find(to_name);
  if (target != to_parent->names.end()) {
    if (target->second == node) return 0;
    if (target->second->is_directory && !node->is_directory) return -EISDIR;
    if (!target->second->is_directory && node->is_directory) return -ENOTDIR;
    if (!target->second->names.empty()) return -ENOTEMPTY;
  }
  apply({{from_parent, std::string(from_name), nullptr}, {to_parent, std::string(to_name), node}});
  return 0;
}

int SimDisk::remove(std::string_view path) {
  SimNodePtr parent;
  std::string_view name;
  if (const int result = find_parent(root_, path, parent, name); result < 0) return result;
  const auto it = parent->names.find(name);
  if (it == parent->names.end()) return -ENOENT;
  if (it->second->is_directory) return -EISDIR;
  apply({{parent, std::string(name), nullptr}});
  return 0;
}

void SimDisk::apply(std::vector<Assignment> assignments) {
  for (const Assignment& a : assignments) {
    if (a.node != nullptr)
      a.directory->names[a.name] = a.node;
    else
      a.directory->names.erase(a.name);
  }
  pending_.push_back({++changes_, std::move(assignments)});
}

void SimDisk::make_durable(const Assignment& assignment) {
  if (assignment.node != nullptr)
    assignment.directory->durable_names[assignment.name] = assignment.node;
  else
    assignment.directory->durable_names.erase(assignment.name);
}

void SimDisk::sync_directory(const SimNodePtr& directory, uint64_t mark) {
  for (Change& change : pending_) {
    if (change.number > mark) break;
    std::erase_if(change.assignments, [&](const Assignment& assignment) {
      if (assignment.directory != directory) return false;
      make_durable(assignment);
      return true;
    });
  }
  std::erase_if(pending_, [](const Change& change) { return change.assignments.empty(); });
}

void SimDisk::sync_all() {
  for (const Change& change : pending_) {
    for (const Assignment& assignment : change.assignments) make_durable(assignment);
  }
  pending_.clear();
  for (const auto& weak : nodes_) {
    if (const auto node = weak.lock()) node->file.flush(node->file.mark());
  }
}

void SimDisk::crash(Prng& prng) {
  for (const Change& change : pending_) {
    if (prng.one_in(2)) continue;
    for (const Assignment& assignment : change.assignments) make_durable(assignment);
  }
  pending_.clear();
  // Two passes: taking names away may free nodes while the list is walked.
  std::vector<SimNodePtr> alive;
  for (const auto& weak : nodes_) {
    if (auto node = weak.lock()) alive.push_back(std::move(node));
  }
  for (const SimNodePtr& node : alive) {
    node->names = node->durable_names;
    node->locked = false;
    node->file.crash(prng);
    const uint64_t sectors = (node->file.size() + kSector - 1) / kSector;
    *used_ -= node->sectors - std::min(node->sectors, sectors);
    node->sectors = std::min(node->sectors, sectors);
  }
}

uint64_t SimDisk::reserve(SimNode& node, uint64_t octets) {
  const uint64_t wanted = (octets + kSector - 1) / kSector;
  if (wanted <= node.sectors) return octets;
  const uint64_t room = capacity_ - std::min(capacity_, *used_);
  const uint64_t more = std::min(wanted - node.sectors, room);
  node.sectors += more;
  *used_ += more;
  return std::min(octets, node.sectors * kSector);
}

std::optional<std::string> SimDisk::read_file(std::string_view path) const {
  SimNodePtr node;
  if (find(root_, path, node) < 0 || node->is_directory) return std::nullopt;
  std::string bytes(node->file.size(), '\0');
  [[maybe_unused]] const size_t octets =
      node->file.read(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

void SimDisk::write_file(std::string_view path, std::string_view bytes) {
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos && slash > 0) {
    const int result = make_directories(path.substr(0, slash));
    ASSERT(result == 0);
  }
  [[maybe_unused]] const int old = remove(path);
  SimNodePtr node;
  const int result = create(root_, path, true, node);
  ASSERT(result == 0);
  reserve(*node, bytes.size());
  node->file.write(0, std::as_bytes(std::span(bytes)));
  sync_all();
}

std::vector<std::string> SimDisk::list(std::string_view path) const {
  std::vector<std::string> names;
  SimNodePtr node;
  if (find(root_, path, node) < 0) return names;
  for (const auto& [name, child] : node->names) names.push_back(name);
  return names;
}

}  // namespace relais::simulation
