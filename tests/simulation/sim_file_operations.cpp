// The file half of SimKernel: ring operations that take the disk's time and are then applied at
// once, and the synchronous calls. What a write has brought is durable exactly when its completion
// is posted, and not one event earlier.
#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "simulation/sim_kernel.h"

namespace relais::simulation {
namespace {

using ring::OpenMode;

constexpr uintptr_t kMemoryAlignment = 512;

std::unexpected<Error> failed(int result) { return std::unexpected(error_from_errno(-result)); }

bool aligned(uint64_t offset, const void* memory, size_t octets) {
  return offset % kSector == 0 && octets % kSector == 0 &&
         reinterpret_cast<uintptr_t>(memory) % kMemoryAlignment == 0;
}

std::string parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash + 1));
}

// Where a short operation on so many octets stops: somewhere before the end, in whole sectors where
// the file wants that.
size_t stop_early(Prng& prng, size_t octets, bool direct) {
  if (!direct) return octets > 1 ? 1 + static_cast<size_t>(prng.below(octets - 1)) : octets;
  const size_t sectors = octets / kSector;
  return sectors > 1 ? (1 + static_cast<size_t>(prng.below(sectors - 1))) * kSector : octets;
}

}  // namespace

SimOpenFilePtr SimKernel::make_file(const SimNodePtr& node, OpenMode mode) {
  const auto kind = node->is_directory ? SimOpenFile::Kind::kDirectory : SimOpenFile::Kind::kFile;
  auto file = std::make_shared<SimOpenFile>(*this, kind);
  file->node = node;
  file->readable = mode == OpenMode::kRead || mode == OpenMode::kLog;
  file->writable = mode == OpenMode::kLog || mode == OpenMode::kAppend;
  file->append = mode == OpenMode::kAppend;
  file->direct = mode == OpenMode::kLog;
  return file;
}

// Where a write goes.
uint64_t SimKernel::where(const SimOperation& operation) {
  const SimOpenFile& file = *operation.file;
  if (file.append) return file.node->file.size();
  return operation.offset == UINT64_MAX ? file.position : operation.offset;
}

// ---- submissions

void SimKernel::run_on_disk(const SimOperationPtr& operation,
                            int (SimKernel::*run)(SimOperation&)) {
  later(world_.disk_delay(), [this, operation, run] {
    if (!operations_.contains(operation->number)) return;
    const int result = (this->*run)(*operation);
    forget(operation);
    post(*operation, result, 0);
  });
}

int SimKernel::issue_read(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->file = find(sqe.fd);
  if (!operation->file) return -EBADF;
  if (sqe.opcode == IORING_OP_READ) {
    operation->out.push_back({reinterpret_cast<std::byte*>(sqe.addr), sqe.len});
  } else {
    if (sqe.len > 1024) return -EINVAL;  // IOV_MAX
    for (const iovec& piece : std::span(reinterpret_cast<const iovec*>(sqe.addr), sqe.len))
      operation->out.push_back({static_cast<std::byte*>(piece.iov_base), piece.iov_len});
  }
  if (operation->file->kind == SimOpenFile::Kind::kEvent) {
    if (sqe.len < sizeof(uint64_t)) return -EINVAL;
    wait_on_file(operation);
    return 0;
  }
  if (operation->file->kind == SimOpenFile::Kind::kDirectory) return -EISDIR;
  if (operation->file->kind != SimOpenFile::Kind::kFile) return -EINVAL;  // sockets: receive
  if (!operation->file->readable) return -EBADF;
  operation->offset = sqe.off;
  if (operation->file->direct) {
    for (const auto piece : operation->out) {
      if (!aligned(sqe.off, piece.data(), piece.size())) return -EINVAL;
    }
  }
  run_on_disk(operation, &SimKernel::run_read);
  return 0;
}

int SimKernel::issue_write(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->file = find(sqe.fd);
  if (!operation->file) return -EBADF;
  if (operation->file->kind == SimOpenFile::Kind::kDirectory || !operation->file->writable)
    return -EBADF;
  operation->offset = sqe.off;
  operation->flags = static_cast<uint32_t>(sqe.rw_flags);
  if (sqe.opcode == IORING_OP_WRITE) {
    lend(*operation, reinterpret_cast<const void*>(sqe.addr), sqe.len);
  } else {
    if (sqe.len > 1024) return -EINVAL;  // IOV_MAX
    for (const iovec& piece : std::span(reinterpret_cast<const iovec*>(sqe.addr), sqe.len))
      lend(*operation, piece.iov_base, piece.iov_len);
  }
  if (operation->file->direct) {
    for (const auto piece : operation->lent) {
      if (!aligned(sqe.off, piece.data(), piece.size())) return -EINVAL;
    }
  }
  run_on_disk(operation, &SimKernel::run_write);
  return 0;
}

int SimKernel::issue_sync(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->fd = sqe.fd;
  if (const auto file = find(sqe.fd); file && file->node) {
    operation->node = file->node;
    operation->mark = file->node->is_directory ? world_.disk().mark() : file->node->file.mark();
  }
  run_on_disk(operation, &SimKernel::run_sync);
  return 0;
}

int SimKernel::issue_open(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->path = reinterpret_cast<const char*>(sqe.addr);
  operation->flags = sqe.open_flags;
  operation->fd = sqe.fd;
  run_on_disk(operation, &SimKernel::run_open);
  return 0;
}

int SimKernel::issue_rename(const SimOperationPtr& operation, const io_uring_sqe& sqe) {
  operation->path = reinterpret_cast<const char*>(sqe.addr);
  operation->target = reinterpret_cast<const char*>(sqe.off);
  operation->fd = sqe.fd;
  operation->target_fd = static_cast<int>(sqe.len);
  run_on_disk(operation, &SimKernel::run_rename);
  return 0;
}

// ---- when the disk is done

int SimKernel::run_read(SimOperation& operation) {
  if (world_.happens(Fault::kReadError)) return -EIO;
  SimOpenFile& file = *operation.file;
  const bool at_position = operation.offset == UINT64_MAX;
  const uint64_t offset = at_position ? file.position : operation.offset;
  size_t octets = 0;
  for (const auto piece : operation.out) octets += file.node->file.read(offset + octets, piece);
  if (octets > 0 && world_.happens(Fault::kShortRead))
    octets = stop_early(world_.prng(), octets, file.direct);
  if (at_position) file.position += octets;
  return static_cast<int>(octets);
}

int SimKernel::run_write(SimOperation& operation) {
  SimOpenFile& file = *operation.file;
  const bool at_position = operation.offset == UINT64_MAX;
  const uint64_t offset = where(operation);
  if (operation.total == 0) return 0;
  if (world_.happens(Fault::kNoSpace)) return -ENOSPC;
  if (world_.happens(Fault::kWriteError)) {
    write_in_part(operation, offset);
    file.node->file.fail_flush(world_.prng(), offset, operation.total);
    return -EIO;
  }
  const uint64_t room = world_.disk().reserve(*file.node, offset + operation.total);
  if (room <= offset) return -ENOSPC;
  auto octets = static_cast<size_t>(std::min<uint64_t>(operation.total, room - offset));
  if (octets == operation.total && world_.happens(Fault::kShortWrite))
    octets = stop_early(world_.prng(), octets, file.direct);
  apply_write(operation, offset, octets);
  if ((operation.flags & RWF_DSYNC) != 0)
    file.node->file.flush(file.node->file.mark(), offset, octets);
  if (at_position) file.position = offset + octets;
  return static_cast<int>(octets);
}

void SimKernel::apply_write(SimOperation& operation, uint64_t offset, size_t octets) {
  for (const auto piece : operation.lent) {
    const size_t part = std::min(piece.size(), octets);
    operation.file->node->file.write(offset, piece.first(part));
    offset += part;
    octets -= part;
  }
}

// Any of the sectors have been written, the others not.
void SimKernel::write_in_part(SimOperation& operation, uint64_t offset) {
  SimOpenFile& file = *operation.file;
  const uint64_t room = world_.disk().reserve(*file.node, offset + operation.total);
  for (const auto piece : operation.lent) {
    for (size_t done = 0; done < piece.size();) {
      const auto left = static_cast<size_t>(kSector - (offset + done) % kSector);
      const size_t part = std::min(left, piece.size() - done);
      if (offset + done + part <= room && world_.prng().one_in(2))
        file.node->file.write(offset + done, piece.subspan(done, part));
      done += part;
    }
    offset += piece.size();
  }
}

int SimKernel::run_sync(SimOperation& operation) {
  const auto file = find(operation.fd);
  if (!file) return -EBADF;
  if (!file->node) return -EINVAL;
  const SimNodePtr& node = file->node;
  // Another file under the same number than when it was asked for: nothing is known of that one.
  const uint64_t mark = node == operation.node ? operation.mark : 0;
  if (world_.happens(Fault::kSyncError)) {
    if (!node->is_directory) node->file.fail_flush(world_.prng());
    return -EIO;
  }
  if (node->is_directory)
    world_.disk().sync_directory(node, mark);
  else
    node->file.flush(mark);
  return 0;
}

// Where a path begins that is given with a directory's descriptor.
int SimKernel::find_base(const std::string& path, int fd, SimNodePtr& base) const {
  base = world_.disk().root();
  if (path.starts_with('/') || fd == AT_FDCWD) return 0;
  const auto file = find(fd);
  if (!file) return -EBADF;
  if (file->kind != SimOpenFile::Kind::kDirectory) return -ENOTDIR;
  base = file->node;
  return 0;
}

int SimKernel::run_open(SimOperation& operation) {
  const auto flags = static_cast<int>(operation.flags);
  const bool creates = (flags & O_CREAT) != 0;
  if (!descriptors_left() || world_.happens(Fault::kNoDescriptors)) return -EMFILE;
  if (world_.happens(Fault::kNoMemory)) return -ENOMEM;
  SimNodePtr base;
  if (const int result = find_base(operation.path, operation.fd, base); result < 0) return result;
  if (creates && world_.happens(Fault::kNoSpace)) return -ENOSPC;
  SimDisk& disk = world_.disk();
  SimNodePtr node;
  const int result = creates ? disk.create(base, operation.path, (flags & O_EXCL) != 0, node)
                             : disk.find(base, operation.path, node);
  if (result < 0) return result;
  auto file = make_file(node, OpenMode::kRead);
  const int access = flags & O_ACCMODE;
  if (node->is_directory && access != O_RDONLY) return -EISDIR;
  file->readable = access != O_WRONLY;
  file->writable = access != O_RDONLY;
  file->append = (flags & O_APPEND) != 0;
  file->direct = (flags & O_DIRECT) != 0;
  return install(std::move(file));
}

int SimKernel::run_rename(SimOperation& operation) {
  SimNodePtr from;
  SimNodePtr to;
  if (const int result = find_base(operation.path, operation.fd, from); result < 0) return result;
  if (const int result = find_base(operation.target, operation.target_fd, to); result < 0)
    return result;
  return world_.disk().rename(from, operation.path, to, operation.target);
}

// ---- the synchronous calls

Result<int> SimKernel::open(const std::string& path, OpenMode mode) {
  SimDisk& disk = world_.disk();
  SimNodePtr node;
  const int result = mode == OpenMode::kAppend ? disk.create(disk.root(), path, false, node)
                                               : disk.find(disk.root(), path, node);
  if (result < 0) return failed(result);
  if (mode == OpenMode::kDirectory && !node->is_directory) return failed(-ENOTDIR);
  if (node->is_directory && mode == OpenMode::kLog) return failed(-EISDIR);
  const int fd = install(make_file(node, mode));
  if (fd < 0) return failed(fd);
  return fd;
}

Result<int> SimKernel::create(const std::string& path) {
  SimDisk& disk = world_.disk();
  if (!descriptors_left()) return failed(-EMFILE);
  if (world_.happens(Fault::kNoSpace)) return failed(-ENOSPC);
  SimNodePtr node;
  if (const int result = disk.create(disk.root(), path, true, node); result < 0)
    return failed(result);
  return install(make_file(node, OpenMode::kLog));
}

Result<int> SimKernel::create_zeroed(const std::string& path, uint64_t octets) {
  const auto fd = create(path);
  if (!fd) return fd;
  const SimNodePtr node = find(*fd)->node;
  const bool room = world_.disk().reserve(*node, octets) == octets;
  const bool flushed = room && !world_.happens(Fault::kSyncError);
  if (flushed) {
    node->file.grow(octets);
    node->file.flush(node->file.mark());
    if (sync_directory(parent_of(path))) return *fd;
  }
  close(*fd);
  [[maybe_unused]] const auto removed = remove(path);
  return std::unexpected(room ? Error::kIo : Error::kNoSpace);
}

Result<uint64_t> SimKernel::size(int fd) {
  const auto file = find(fd);
  if (!file || !file->node) return failed(-EBADF);
  return file->node->file.size();
}

Result<size_t> SimKernel::read_at(int fd, std::span<std::byte> out, uint64_t offset) {
  const auto file = find(fd);
  if (!file || !file->node || !file->readable) return failed(-EBADF);
  if (file->node->is_directory) return failed(-EISDIR);
  if (file->direct && !aligned(offset, out.data(), out.size())) return failed(-EINVAL);
  return file->node->file.read(offset, out);
}

Result<void> SimKernel::make_directories(const std::string& path) {
  if (const int result = world_.disk().make_directories(path); result < 0) return failed(result);
  return {};
}

Result<std::vector<std::string>> SimKernel::list(const std::string& directory) {
  SimNodePtr node;
  const int result = world_.disk().find(world_.disk().root(), directory, node);
  if (result < 0) return failed(result);
  if (!node->is_directory) return failed(-ENOTDIR);
  return world_.disk().list(directory);
}

Result<void> SimKernel::remove(const std::string& path) {
  if (const int result = world_.disk().remove(path); result < 0) return failed(result);
  return {};
}

Result<void> SimKernel::sync_directory(const std::string& path) {
  SimNodePtr node;
  const int result = world_.disk().find(world_.disk().root(), path, node);
  if (result < 0) return failed(result);
  if (!node->is_directory) return failed(-ENOTDIR);
  if (world_.happens(Fault::kSyncError)) return failed(-EIO);
  world_.disk().sync_directory(node, world_.disk().mark());
  return {};
}

Result<int> SimKernel::lock(const std::string& path) {
  SimDisk& disk = world_.disk();
  SimNodePtr node;
  if (const int result = disk.create(disk.root(), path, false, node); result < 0)
    return failed(result);
  if (node->locked) return std::unexpected(Error::kExists);
  auto file = make_file(node, OpenMode::kAppend);
  file->locking = node->locked = true;
  const int fd = install(std::move(file));
  if (fd < 0) return failed(fd);
  return fd;
}

}  // namespace relais::simulation
