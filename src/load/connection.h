// One connection of the generator: its descriptor, its dialogue, the messages that are on their
// way, and the memory that the kernel sends from. No behaviour.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "load/content.h"
#include "load/dialogue.h"
#include "tls/stream.h"

namespace relais::load {

// A message that was begun.
struct Message {
  uint64_t number = 0;
  const Body* body = nullptr;
  Instant due{};        // when it should have begun
  uint64_t octets = 0;  // header and body, without dot-stuffing
};

struct LoadTls {
  LoadTls(std::shared_ptr<const tls::ClientContext> context, std::string host,
          const tls::Session& session)
      : stream(std::move(context), std::move(host), session) {}
  tls::Stream stream;
  std::string ciphertext;  // being sent
};

struct Connection {
  Connection(const Script& script, uint32_t seat_number, uint32_t target_number)
      : dialogue(script), seat(seat_number), target(target_number) {}

  Dialogue dialogue;
  uint32_t seat;
  uint32_t target;
  int fd = -1;
  bool connecting = false;
  bool receiving = false;
  bool sending = false;
  bool ready = false;
  bool closing = false;
  bool idle = false;      // stands in the list of those
  bool rests = false;     // it failed, and its seat stays empty for a while
  bool hopeless = false;  // so it will the next time
  sockaddr_storage address{};
  Instant asked{};  // connect, or the TLS handshake
  Instant heard{};  // the last sign of life, or when something was asked of it
  uint64_t messages_begun = 0;

  std::array<Message, 2> messages;  // dialogue.in_flight() of them, oldest first
  // Of the newest and of the one before it: a send may hold both.
  std::array<std::string, 2> headers;
  uint32_t newest_header = 0;

  std::unique_ptr<LoadTls> tls;
  std::string before;  // commands that are being sent: in front of the content
  std::string after;   // and behind it
  std::array<iovec, 4> vectors;
  uint32_t vector_count = 0;
  uint32_t first_vector = 0;
  msghdr header{};

  void add(std::string_view bytes) {
    if (bytes.empty()) return;
    vectors[vector_count++] = {const_cast<char*>(bytes.data()), bytes.size()};
  }
};

}  // namespace relais::load
