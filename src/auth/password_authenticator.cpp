#include "auth/password_authenticator.h"

#include <sys/stat.h>

#include <utility>

#include "auth/password_hash.h"

namespace relais::auth {
namespace {

std::string first_of(const std::vector<FileProblem>& problems) {
  const FileProblem& first = problems.front();
  const std::string where = first.line == 0 ? ": " : ":" + std::to_string(first.line) + ": ";
  return where + first.what;
}

}  // namespace

PasswordAuthenticator::PasswordAuthenticator(std::string path, PasswordFile file, uint32_t threads,
                                             Tell tell)
    : path_(std::move(path)),
      tell_(std::move(tell)),
      file_(std::make_shared<const PasswordFile>(std::move(file))),
      stamp_(stamp()),
      threads_(
          {.name = "auth", .threads = threads, .size_max = kWaitMax, .flow_max = kWaitOfClientMax},
          [this](Waiting waiting) { serve(std::move(waiting)); },
          [this] { (void)current_file(); }) {}

PasswordAuthenticator::~PasswordAuthenticator() {
  for (Waiting& waiting : threads_.stop()) waiting.request.finish(Outcome::kUnavailable);
}

bool PasswordAuthenticator::submit(Request request) {
  if (is_remembered(request)) {
    request.finish(Outcome::kYes);
    return true;
  }
  const uint64_t flow = request.client.flow();
  return threads_.push(flow, {std::move(request), std::chrono::steady_clock::now()});
}

PasswordAuthenticator::Stamp PasswordAuthenticator::stamp() const {
  struct stat status {};
  if (stat(path_.c_str(), &status) != 0) return {};
  return {.changed_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
          .octets = static_cast<uint64_t>(status.st_size),
          .inode = status.st_ino};
}

void PasswordAuthenticator::serve(Waiting waiting) {
  Request& request = waiting.request;
  const bool late = std::chrono::steady_clock::now() - waiting.since > kPatience;
  if (late || (request.gone != nullptr && *request.gone))
    return request.finish(Outcome::kUnavailable);
  const auto file = current_file();
  request.finish(judge(*file, request));
}

std::shared_ptr<const PasswordFile> PasswordAuthenticator::current_file() {
  const Stamp now = stamp();
  const std::lock_guard lock(mutex_);
  if (now == stamp_) return file_;
  stamp_ = now;
  auto read = PasswordFile::read(path_);
  if (read) {
    file_ = std::make_shared<const PasswordFile>(std::move(*read));
    std::erase_if(remembered_,
                  [&](const auto& entry) { return file_->hash_of(entry.first) == nullptr; });
    tell_(path_ + ": read again, it has changed: users: " + std::to_string(file_->size()));
  } else {
    tell_(path_ + first_of(read.error()) + "; the last good list of users stays in force");
  }
  return file_;
}

bool PasswordAuthenticator::is_remembered(const Request& request) {
  const std::lock_guard lock(mutex_);
  const auto found = remembered_.find(request.user);
  if (found == remembered_.end()) return false;
  const std::string* hash = file_->hash_of(request.user);
  return hash != nullptr &&
         tls::equal(found->second, hash_.of({request.user, *hash, request.password}));
}

Outcome PasswordAuthenticator::judge(const PasswordFile& file, const Request& request) {
  if (request.password.empty() || request.password.size() > kPasswordMax) return Outcome::kNo;
  const std::string* hash = file.hash_of(request.user);
  if (hash == nullptr) {
    (void)verify(file.decoy(), request.password);
    return Outcome::kNo;
  }
  if (is_remembered(request)) return Outcome::kYes;
  if (!verify(*hash, request.password)) return Outcome::kNo;
  const tls::Digest digest = hash_.of({request.user, *hash, request.password});
  const std::lock_guard lock(mutex_);
  remembered_.insert_or_assign(request.user, digest);
  return Outcome::kYes;
}

}  // namespace relais::auth
