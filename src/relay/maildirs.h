// Delivery into Maildir folders (one file a message: written to tmp, flushed, renamed to new, the
// folder flushed), through the ring. For local next hops and for the folder of failed mail. File
// names come from the message's GUID, so a message that is delivered again after a crash replaces
// its own file instead of making a second one. Content is written in local form (dots unstuffed,
// LF; binary content as it came), under Return-Path and Delivered-To (RFC 5321 4.4). Limits:
// kActiveMax files a folder at once; the rest waits in the queue of the folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/model.h"
#include "relay/job_queue.h"
#include "relay/work.h"
#include "smtp/dot_unstuffing.h"
#include "smtp/local_form.h"

namespace relais::relay {

class Maildirs {
 public:
  static constexpr uint32_t kActiveMax = 16;

  // `failed_folder`: an absolute path; its route index is failed_route().
  Maildirs(Desk& desk, const std::vector<config::SendConnector>& connectors,
           std::string failed_folder, std::string host_name);
  ~Maildirs();
  Maildirs(const Maildirs&) = delete;
  Maildirs& operator=(const Maildirs&) = delete;

  // Makes the folders. On an error `problem` names the path.
  [[nodiscard]] Result<void> open_folders(std::string& problem);
  [[nodiscard]] uint32_t failed_route() const { return static_cast<uint32_t>(folders_.size()) - 1; }
  [[nodiscard]] bool serves(uint32_t route) const { return !folders_[route].path.empty(); }
  [[nodiscard]] const std::string& path(uint32_t route) const { return folders_[route].path; }
  [[nodiscard]] bool open(uint32_t route) const { return !folders_[route].pending.congested(); }
  [[nodiscard]] bool takes(uint32_t route, const Claim& claim) const {
    return folders_[route].pending.has_room(claim);
  }
  [[nodiscard]] JobQueue& pending(uint32_t route) { return folders_[route].pending; }

  void enqueue(Job& job);
  void on_completion(const ring::Completion& completion);
  void on_chunk(Job& job, uint32_t chunk, bool readable);
  void pump();
  [[nodiscard]] bool at_rest() const { return active_.size() == 0; }

 private:
  struct Folder {
    std::string path;  // empty: not a Maildir
    int fd = -1;
    int fd_new = -1;
    JobQueue pending;
    uint32_t active = 0;
  };
  struct Active {
    explicit Active(Handle the_job) : job(the_job) {}
    enum class Stage : uint8_t { kOpen, kContent, kSync, kRename, kSyncFolder, kClose };
    Stage stage = Stage::kOpen;
    Handle job;
    std::string tmp_name;
    std::string new_name;
    int fd = -1;
    bool renamed = false;
    uint32_t next_chunk = 0;
    bool reading = false;  // next_chunk is being read from the log
    uint64_t offset = 0;
    std::string text;  // on its way to the file
    size_t text_written = 0;
    smtp::LocalForm form;
    smtp::DotUnstuffing unstuffing;  // of binary content, which keeps its line ends
    bool ok = true;
    std::string problem;
    bool tried_to_remove = false;
  };

  static void append_content(Active& active, const Job& job, std::span<const char> wire);
  void begin(uint32_t route, Job& job);
  void open_file(Active& active);
  void on_opened(Active& active, const ring::Completion& completion);
  void append_fields(std::string& out, const Job& job) const;
  void write_more(Active& active);
  void write_text(Active& active);
  void on_written(Active& active, const ring::Completion& completion);
  void fail(Active& active, std::string_view problem);
  void close(Active& active);
  void conclude(Active& active);
  [[nodiscard]] Job& job_of(const Active& active);
  [[nodiscard]] ring::Token token(ring::Operation operation, const Active& active) const;

  Desk& desk_;
  std::string host_name_;
  std::vector<Folder> folders_;
  Slab<Active> active_;
};

}  // namespace relais::relay
