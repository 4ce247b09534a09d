// Records of TLS in SimKernel, as Linux's tls module makes and opens them (net/tls/tls_sw.c): a
// receive stops in front of a record that is no data, and at a KeyUpdate until it has the next key.
#include <cerrno>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "simulation/sim_kernel.h"

namespace relais::simulation {
namespace {

constexpr char kKeyUpdate = 24;

std::unexpected<Error> refused(int result) { return std::unexpected(error_from_errno(-result)); }

// Octets that have come, as many as make one record.
bool gather(SimSocket& socket, SimTls& tls) {
  char piece[4096];
  while (SimRecords::first(tls.sealed.front(tls.sealed.size())) == 0) {
    const size_t readable = std::min(socket.readable(), sizeof piece);
    if (readable == 0) return false;
    const int octets = socket.read({piece, readable});
    ASSERT(octets > 0);
    tls.sealed.push({piece, static_cast<size_t>(octets)});
  }
  return true;
}

// Opens the next record. False: there is none, or it must not be opened yet.
bool open_next(SimSocket& socket, SimTls& tls) {
  if (tls.control || tls.needs_key || tls.forged || !gather(socket, tls)) return false;
  const size_t octets = SimRecords::first(tls.sealed.front(tls.sealed.size()));
  auto record = tls.receive->open(tls.sealed.front(octets));
  tls.sealed.pop(octets);
  if (!record) {
    tls.forged = true;
  } else if (record->type == RecordType::kData) {
    tls.plain += record->content;
  } else {
    tls.needs_key = tls.kind.version == TlsVersion::kTls13 &&
                    record->type == RecordType::kHandshake &&
                    record->content.starts_with(kKeyUpdate);
    tls.control = std::move(record);
  }
  return true;
}

bool opens(const SimOpenFile& file) { return file.tls != nullptr && file.tls->receive; }

}  // namespace

bool SimKernel::read_ready(SimOpenFile& file) {
  if (!opens(file)) return file.socket->read_ready();
  // As tls_sk_poll: where a new key is needed nothing is seen, also not the record that says so.
  SimTls& tls = *file.tls;
  if (tls.needs_key) return false;
  return !tls.plain.empty() || tls.control || tls.forged || gather(*file.socket, tls) ||
         file.socket->read_ready();
}

int SimKernel::read(SimOpenFile& file, std::span<char> out) {
  if (!opens(file)) return file.socket->read(out);
  SimTls& tls = *file.tls;
  while (tls.plain.size() < out.size() && open_next(*file.socket, tls)) {
  }
  if (!tls.plain.empty()) {
    const size_t octets = std::min(out.size(), tls.plain.size());
    std::copy_n(tls.plain.begin(), octets, out.begin());
    tls.plain.erase(0, octets);
    return static_cast<int>(octets);
  }
  if (tls.control) return -EIO;
  if (tls.needs_key) return -EKEYEXPIRED;
  if (tls.forged) return -EBADMSG;
  return file.socket->read(out);
}

// A record is made of what there is room for.
int SimKernel::write(SimOpenFile& file, std::string_view bytes) {
  SimSocket& socket = *file.socket;
  if (file.tls == nullptr || !file.tls->send) return socket.write(bytes);
  SimRecords& send = *file.tls->send;
  if (socket.room_to_send() <= send.overhead()) return -EAGAIN;
  if (const int result = socket.write({}); result < 0) return result;
  const size_t octets =
      std::min({bytes.size(), SimRecords::kContentMax, socket.room_to_send() - send.overhead()});
  const std::string record = send.seal(RecordType::kData, bytes.substr(0, octets));
  const int taken = socket.write(record);
  ASSERT(taken == static_cast<int>(record.size()));
  return static_cast<int>(octets);
}

Result<void> SimKernel::set_record_key(int fd, RecordDirection direction, const RecordKey& key) {
  const auto file = find(fd);
  if (!file || !file->socket) return refused(file ? -ENOTSOCK : -EBADF);
  if (!record_kinds_.has(key.kind)) return refused(-EOPNOTSUPP);
  if (file->socket->state() != SimSocket::State::kConnected) return refused(-ENOTCONN);
  const bool refuses = direction == RecordDirection::kSend && refuses_send_keys_;
  if (refuses || world_.happens(Fault::kNoMemory)) return refused(-ENOMEM);
  if (file->tls == nullptr) file->tls = std::make_unique<SimTls>();
  SimTls& tls = *file->tls;
  auto& records = direction == RecordDirection::kReceive ? tls.receive : tls.send;
  if (records && key.kind.version != TlsVersion::kTls13) return refused(-EBUSY);
  if (direction == RecordDirection::kReceive) {
    for (const auto& operation : file->waiting) ASSERT(operation->opcode != IORING_OP_RECV);
    tls.needs_key = false;
  }
  tls.kind = key.kind;
  records.emplace(key);
  world_.note("fd %d: %s key, record %llu", fd,
              direction == RecordDirection::kReceive ? "receive" : "send",
              static_cast<unsigned long long>(key.number));
  return {};
}

Result<ControlRecord> SimKernel::receive_control(int fd) {
  const auto file = find(fd);
  if (!file || !file->tls) return refused(file ? -ENOTSOCK : -EBADF);
  SimTls& tls = *file->tls;
  while (tls.plain.empty() && open_next(*file->socket, tls)) {
  }
  if (!tls.control) return refused(tls.forged ? -EBADMSG : -EAGAIN);
  return *std::exchange(tls.control, std::nullopt);
}

Result<void> SimKernel::send_control(int fd, const ControlRecord& record) {
  const auto file = find(fd);
  if (!file || !file->tls || !file->tls->send) return refused(file ? -ENOTSOCK : -EBADF);
  SimRecords& send = *file->tls->send;
  if (const int result = file->socket->write({}); result < 0) return refused(result);
  if (file->socket->room_to_send() < record.content.size() + send.overhead())
    return refused(-EAGAIN);
  const int taken = file->socket->write(send.seal(record.type, record.content));
  ASSERT(taken > 0);
  return {};
}

}  // namespace relais::simulation
