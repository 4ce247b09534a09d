#include "simulation/echo.h"

#include <sys/uio.h>

#include "base/assert.h"

namespace relais::simulation {

using ring::Completion;
using ring::Operation;

Echo::Echo(SimWorld& world, const Endpoint& endpoint, bool careless)
    : kernel_(world), careless_(careless) {
  auto loop = ring::Loop::create(kernel_);
  ASSERT(loop.has_value());
  loop_ = std::move(*loop);
  buffers_ = loop_->add_buffers(4, 512).value_or(nullptr);
  auto log = kernel_.open("/log", ring::OpenMode::kLog);
  if (!log) log = kernel_.create_zeroed("/log", kSectors * kSector);
  log_ = log.value_or(-1);
  // Goes on behind the last sector that the run before left: writes that were under way when the
  // power went may have left holes before it.
  Sector sector;
  for (uint64_t at = 0; log_ >= 0 && at < kSectors; ++at) {
    const auto octets =
        kernel_.read_at(log_, std::as_writable_bytes(std::span(sector.bytes)), at * kSector);
    if (octets && sector.bytes[0] != 0) next_sector_ = at + 1;
  }
  listener_ = kernel_.listen(endpoint).value_or(-1);
  if (!usable()) return;
  arm_accept();
  arm_heartbeat();
}

void Echo::turn() {
  ++turns_;
  for (const Completion& completion : loop_->turn()) {
    switch (completion.token.operation) {
      case Operation::kAccept:
        on_accept(completion);
        break;
      case Operation::kAcceptRetry:
        arm_accept();
        break;
      case Operation::kSessionTimer:
        arm_heartbeat();
        break;
      case Operation::kSessionReceive:
        on_receive(completion);
        break;
      case Operation::kSpoolWrite:
        on_write(completion);
        break;
      case Operation::kSessionSend:
        on_send(completion);
        break;
      default:
        break;
    }
  }
}

void Echo::arm_accept() { loop_->accept_multishot(listener_, {Operation::kAccept, {0, 1}}); }

void Echo::arm_heartbeat() {
  [[maybe_unused]] const auto id =
      loop_->arm_timer(loop_->now() + milliseconds(20), {Operation::kSessionTimer, {0, 1}});
}

void Echo::on_accept(const Completion& completion) {
  if (!completion.more) {
    if (completion.ok())
      arm_accept();
    else [[maybe_unused]]
      const auto id =
          loop_->arm_timer(loop_->now() + milliseconds(10), {Operation::kAcceptRetry, {0, 1}});
  }
  if (!completion.ok()) return;
  Connection* connection = connections_.acquire();
  if (connection == nullptr) {
    kernel_.say_and_close(completion.result, "!");
    return;
  }
  connection->fd = completion.result;
  arm_receive(*connection);
}

void Echo::arm_receive(Connection& connection) {
  connection.armed = true;
  loop_->receive(connection.fd, *buffers_, token(Operation::kSessionReceive, connection));
}

void Echo::on_receive(const Completion& completion) {
  Connection* connection = connections_.get(completion.token.handle);
  ASSERT(connection != nullptr);  // it stays until its receive has ended
  if (completion.unparked) {
    arm_receive(*connection);
    return;
  }
  connection->armed = false;
  if (completion.has_buffer) {
    const auto bytes = buffers_->bytes(completion.buffer, static_cast<uint32_t>(completion.result));
    connection->unwritten.append(bytes.data(), bytes.size());
    buffers_->give_back(completion.buffer);
    arm_write(*connection);
    arm_receive(*connection);
    return;
  }
  if (completion.result == -ENOBUFS) {
    connection->armed = true;  // parked
    buffers_->park(completion.token);
    return;
  }
  connection->ended = true;
  connection->failed = connection->failed || completion.result < 0;
  end_if_done(*connection);
}

void Echo::arm_write(Connection& connection) {
  if (connection.writing || connection.unwritten.empty() || connection.failed) return;
  if (next_sector_ == kSectors) {
    connection.failed = true;
    loop_->cancel_all(connection.fd);
    return;
  }
  connection.writing = true;
  const ring::Token name = token(Operation::kSpoolWrite, connection);
  Write& write = writes_[name.handle.slot];
  write.sector.bytes.fill(connection.unwritten[0]);
  write.vector = {write.sector.bytes.data(), write.sector.bytes.size()};
  loop_->write_durable(log_, {&write.vector, 1}, next_sector_++ * kSector, name);
  if (careless_) acknowledge(connection);
}

void Echo::on_write(const Completion& completion) {
  Connection* connection = connections_.get(completion.token.handle);
  ASSERT(connection != nullptr);
  connection->writing = false;
  if (completion.result != static_cast<int>(kSector)) {
    connection->failed = true;
    loop_->cancel_all(connection->fd);
  } else {
    if (!careless_) acknowledge(*connection);
    connection->unwritten.erase(0, 1);
    arm_write(*connection);
  }
  end_if_done(*connection);
}

void Echo::acknowledge(Connection& connection) {
  connection.unsent += connection.unwritten[0];
  connection.unsent += '.';
  arm_send(connection);
}

void Echo::arm_send(Connection& connection) {
  if (!connection.sending.empty() || connection.unsent.empty() || connection.failed) return;
  connection.sending = std::move(connection.unsent);
  connection.unsent.clear();
  loop_->send(connection.fd, connection.sending, token(Operation::kSessionSend, connection));
}

void Echo::on_send(const Completion& completion) {
  Connection* connection = connections_.get(completion.token.handle);
  ASSERT(connection != nullptr);
  if (completion.ok()) {
    const auto sent = static_cast<size_t>(completion.result);
    connection->unsent.insert(0, connection->sending, sent);
  } else {
    connection->failed = true;
    loop_->cancel_all(connection->fd);
  }
  connection->sending.clear();
  arm_send(*connection);
  end_if_done(*connection);
}

void Echo::end_if_done(Connection& connection) {
  const bool busy = connection.armed || connection.writing || !connection.sending.empty();
  const bool owes = !connection.unwritten.empty() || !connection.unsent.empty();
  if (busy || (owes && !connection.failed)) return;
  if (!connection.ended && !connection.failed) return;
  loop_->close(connection.fd, {Operation::kSessionClose, {0, 1}});
  connections_.release(&connection);
}

}  // namespace relais::simulation
