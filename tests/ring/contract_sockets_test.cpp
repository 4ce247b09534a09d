// The contract of the ring for sockets, on Linux and in the simulation: what the program may rely
// on, and therefore what the simulation must do.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

#include "base/prng.h"
#include "ring/ground.h"

namespace relais::ring {
namespace {

std::string noise(size_t octets, uint64_t seed = 1) {
  Prng prng(seed);
  std::string bytes;
  while (bytes.size() < octets) {
    const uint64_t word = prng.next();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(octets);
  return bytes;
}

class SocketContract : public RingTest, public testing::WithParamInterface<Ground> {
 protected:
  void SetUp() override { stand_on(GetParam()); }
  BufferGroup& buffers(uint32_t count, uint32_t octets) {
    const auto group = loop().add_buffers(count, octets);
    EXPECT_TRUE(group.has_value());
    return **group;
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, SocketContract, testing::ValuesIn(all_grounds()),
                         [](const auto& ground) { return ground.param.name; });

TEST_P(SocketContract, both_ends_of_a_connection_name_the_same_endpoints) {
  const int listening = listener();
  const auto [server, client] = connect_to(listening);
  EXPECT_EQ(kernel().local_endpoint(server), kernel().local_endpoint(listening));
  EXPECT_EQ(kernel().local_endpoint(server), kernel().remote_endpoint(client));
  EXPECT_EQ(kernel().remote_endpoint(server), kernel().local_endpoint(client));
}

TEST_P(SocketContract, receives_hand_out_pieces_until_the_end) {
  BufferGroup& group = buffers(8, 256);
  const auto [server, client] = connected_pair();
  const Token receiving = token(Operation::kSessionReceive);
  for (const std::string_view piece : {"EHLO a\r\n", "MAIL FROM:<>\r\n", "RCPT"}) {
    send_all(client, piece);
    for (size_t got = 0; got < piece.size();) {
      loop().receive(server, group, receiving);
      const Completion received = take(receiving);
      ASSERT_TRUE(received.ok() && received.has_buffer && !received.more);
      const auto octets = static_cast<uint32_t>(received.result);
      const auto bytes = group.bytes(received.buffer, octets);
      EXPECT_EQ(std::string_view(bytes.data(), bytes.size()), piece.substr(got, octets));
      got += octets;
      group.give_back(received.buffer);
    }
  }
  kernel().shut_down_writes(client);
  loop().receive(server, group, receiving);
  const Completion end = take(receiving);
  EXPECT_EQ(end.result, 0);
  EXPECT_FALSE(end.more);
  EXPECT_FALSE(end.has_buffer);
  EXPECT_EQ(group.lent(), 0U);
  EXPECT_EQ(loop().in_flight(), 0U);
}

TEST_P(SocketContract, a_receive_takes_no_more_than_one_buffer) {
  BufferGroup& group = buffers(4, 64);
  const auto [server, client] = connected_pair();
  const Token receiving = token(Operation::kSessionReceive);
  loop().receive(server, group, receiving);
  send_all(client, noise(200));
  const Completion received = take(receiving);
  EXPECT_FALSE(received.more);
  EXPECT_TRUE(quiet(receiving, milliseconds(5)));
  EXPECT_EQ(group.lent(), 1U);
}

TEST_P(SocketContract, a_receive_without_buffers_is_parked_and_loses_nothing) {
  BufferGroup& group = buffers(4, 64);
  const auto [server, client] = connected_pair();
  const std::string sent = noise(2000);
  const Token receiving = token(Operation::kSessionReceive);
  loop().receive(server, group, receiving);
  loop().send(client, sent, token(Operation::kSessionSend));
  std::string got;
  std::vector<uint16_t> held;
  int parked = 0;
  while (got.size() < sent.size()) {
    const Completion received = take(receiving);
    if (received.has_buffer) {
      const auto bytes = group.bytes(received.buffer, static_cast<uint32_t>(received.result));
      got.append(bytes.data(), bytes.size());
      held.push_back(received.buffer);
    } else if (!received.unparked) {
      ASSERT_EQ(received.error(), Error::kNoBuffers);
      EXPECT_EQ(group.lent(), 4U);
      group.park(receiving);
      ++parked;
      EXPECT_TRUE(quiet(receiving, milliseconds(2)));
      EXPECT_TRUE(group.is_short());
      for (const uint16_t buffer : held) group.give_back(buffer);
      held.clear();
      EXPECT_FALSE(group.is_short());
      continue;
    }
    loop().receive(server, group, receiving);
  }
  EXPECT_EQ(got, sent);
  EXPECT_GT(parked, 0);
}

TEST_P(SocketContract, all_buffers_can_be_lent) {
  BufferGroup& group = buffers(256, 64);
  const auto [server, client] = connected_pair();
  const std::string sent = noise(256 * 64);
  send_all(client, sent);
  const Token receiving = token(Operation::kSessionReceive);
  std::string got;
  int refused = 0;
  while (group.lent() < group.count()) {
    loop().receive(server, group, receiving);
    const Completion received = take(receiving);
    if (received.has_buffer) {
      const auto bytes = group.bytes(received.buffer, static_cast<uint32_t>(received.result));
      got.append(bytes.data(), bytes.size());
    } else {
      ASSERT_EQ(received.error(), Error::kNoBuffers);
      ASSERT_LT(++refused, 50);
      if (group.lent() > group.count() / 2) continue;  // a fault of the simulation
      group.park(receiving);
      ASSERT_TRUE(take(receiving).unparked);
    }
  }
  EXPECT_EQ(got, sent.substr(0, got.size()));
}

TEST_P(SocketContract, a_receive_needs_no_buffer_before_something_has_arrived) {
  BufferGroup& group = buffers(1, 64);
  const auto [server, client] = connected_pair();
  const auto [other, other_client] = connected_pair();
  const Token receiving = token(Operation::kSessionReceive);
  loop().receive(server, group, receiving);
  send_all(client, "x");
  const Completion received = take(receiving);
  EXPECT_TRUE(received.has_buffer);
  loop().receive(other, group, token(Operation::kHopReceive));
  EXPECT_TRUE(quiet(token(Operation::kHopReceive), milliseconds(2)));
  send_all(other_client, "y");
  EXPECT_EQ(take(token(Operation::kHopReceive)).error(), Error::kNoBuffers);
  group.give_back(received.buffer);
  loop().receive(other, group, token(Operation::kHopReceive));
  EXPECT_TRUE(take(token(Operation::kHopReceive)).has_buffer);
}

TEST_P(SocketContract, groups_of_buffers_are_counted_apart) {
  BufferGroup& small = buffers(2, 64);
  BufferGroup& large = buffers(4, 128);
  const auto [server, client] = connected_pair();
  const Token at_server = token(Operation::kSessionReceive);
  const Token at_client = token(Operation::kHopReceive);
  loop().receive(server, small, at_server);
  loop().receive(client, large, at_client);
  send_all(client, "s");
  send_all(server, "c");
  const Completion first = take(at_server);
  const Completion second = take(at_client);
  EXPECT_EQ(small.lent(), 1U);
  EXPECT_EQ(large.lent(), 1U);
  EXPECT_EQ(small.bytes(first.buffer, 1)[0], 's');
  EXPECT_EQ(large.bytes(second.buffer, 1)[0], 'c');
  large.give_back(second.buffer);
  EXPECT_EQ(small.lent(), 1U);
  EXPECT_EQ(large.lent(), 0U);
}

TEST_P(SocketContract, a_send_larger_than_every_buffer_completes_once_and_whole) {
  BufferGroup& group = buffers(16, 16384);
  const auto [server, client] = connected_pair();
  const std::string sent = noise(8 << 20);
  loop().send(client, sent, token(Operation::kSessionSend));
  EXPECT_EQ(receive(server, group, sent.size()), sent);
  EXPECT_EQ(take(token(Operation::kSessionSend)).result, static_cast<int>(sent.size()));
}

TEST_P(SocketContract, a_vector_is_sent_in_order) {
  BufferGroup& group = buffers(16, 16384);
  const auto [server, client] = connected_pair();
  std::array<std::string, 3> parts = {"one ", noise(6 << 20), " three"};
  std::array<iovec, 3> vectors{};
  for (size_t i = 0; i < parts.size(); ++i) vectors[i] = {parts[i].data(), parts[i].size()};
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = vectors.size();
  loop().send_vector(client, message, token(Operation::kHopSend));
  const std::string all = parts[0] + parts[1] + parts[2];
  EXPECT_EQ(receive(server, group, all.size()), all);
  EXPECT_EQ(take(token(Operation::kHopSend)).result, static_cast<int>(all.size()));
}

TEST_P(SocketContract, cancel_all_ends_a_receive_and_the_bytes_stay_in_the_socket) {
  BufferGroup& group = buffers(4, 256);
  const auto [server, client] = connected_pair();
  const Token receiving = token(Operation::kSessionReceive, 7, 1);
  loop().receive(server, group, receiving);
  EXPECT_TRUE(quiet(receiving, milliseconds(2)));
  loop().cancel_all(server);
  const Completion ended = take(receiving);
  EXPECT_EQ(ended.error(), Error::kCanceled);
  EXPECT_FALSE(ended.more);
  send_all(client, "later");
  EXPECT_TRUE(quiet(receiving, milliseconds(2)));
  EXPECT_EQ(loop().in_flight(), 0U);
  EXPECT_EQ(receive(server, group, 5), "later");
}

TEST_P(SocketContract, cancel_ends_one_operation_only) {
  BufferGroup& group = buffers(4, 256);
  const auto [server, client] = connected_pair();
  loop().receive(server, group, token(Operation::kSessionReceive));
  loop().receive(client, group, token(Operation::kHopReceive));
  loop().cancel(token(Operation::kSessionReceive));
  EXPECT_EQ(take(token(Operation::kSessionReceive)).error(), Error::kCanceled);
  send_all(server, "still here");
  EXPECT_TRUE(take(token(Operation::kHopReceive)).has_buffer);
}

TEST_P(SocketContract, a_completion_after_the_descriptor_was_reused_has_its_old_generation) {
  BufferGroup& group = buffers(4, 256);
  const int listening = listener();
  const auto [server, client] = connect_to(listening);
  const Token old_receive = token(Operation::kSessionReceive, 3, 1);
  loop().receive(server, group, old_receive);
  cancel_and_close(server);
  const auto [again, other_client] = connect_to(listening);
  EXPECT_EQ(other_client, server);
  const Token new_receive = token(Operation::kSessionReceive, 3, 2);
  loop().receive(other_client, group, new_receive);
  send_all(again, "n");
  const Completion stale = take(old_receive);
  EXPECT_EQ(stale.error(), Error::kCanceled);
  EXPECT_EQ(stale.token.handle.generation, 1U);
  EXPECT_EQ(take(new_receive).result, 1);
}

TEST_P(SocketContract, a_receive_that_was_not_cancelled_keeps_the_connection_open) {
  BufferGroup& group = buffers(4, 256);
  const auto [server, client] = connected_pair();
  loop().receive(server, group, token(Operation::kSessionReceive));
  loop().receive(client, group, token(Operation::kHopReceive));
  loop().close(server, token(Operation::kSessionClose));
  EXPECT_EQ(take(token(Operation::kSessionClose)).result, 0);
  EXPECT_TRUE(quiet(token(Operation::kHopReceive), milliseconds(20)));
  loop().cancel(token(Operation::kSessionReceive));
  EXPECT_EQ(take(token(Operation::kHopReceive)).result, 0);
}

TEST_P(SocketContract, the_end_of_one_direction_leaves_the_other_open) {
  BufferGroup& group = buffers(4, 256);
  const auto [server, client] = connected_pair();
  send_all(client, "QUIT\r\n");
  kernel().shut_down_writes(client);
  EXPECT_EQ(receive(server, group, SIZE_MAX), "QUIT\r\n");
  send_all(server, "221 bye\r\n");
  cancel_and_close(server);
  EXPECT_EQ(receive(client, group, SIZE_MAX), "221 bye\r\n");
  loop().send(client, std::string_view("x"), token(Operation::kSessionSend));
  EXPECT_EQ(take(token(Operation::kSessionSend)).error(), Error::kConnectionReset);
}

TEST_P(SocketContract, sending_to_a_peer_that_is_gone_fails_at_the_second_try) {
  const auto [server, client] = connected_pair();
  cancel_and_close(client);
  EXPECT_TRUE(quiet(token(Operation::kNone), milliseconds(5)));
  loop().send(server, std::string_view("one"), token(Operation::kSessionSend));
  EXPECT_EQ(take(token(Operation::kSessionSend)).result, 3);
  EXPECT_TRUE(quiet(token(Operation::kNone), milliseconds(5)));
  loop().send(server, std::string_view("two"), token(Operation::kSessionSend));
  EXPECT_EQ(take(token(Operation::kSessionSend)).error(), Error::kConnectionReset);
}

TEST_P(SocketContract, closing_with_unread_bytes_resets_the_peer) {
  BufferGroup& group = buffers(4, 256);
  const auto [server, client] = connected_pair();
  loop().receive(client, group, token(Operation::kHopReceive));
  send_all(client, "nobody reads this");
  EXPECT_TRUE(quiet(token(Operation::kHopReceive), milliseconds(5)));
  cancel_and_close(server);
  const Completion end = take(token(Operation::kHopReceive));
  EXPECT_EQ(end.error(), Error::kConnectionReset);
  EXPECT_FALSE(end.more);
  EXPECT_FALSE(kernel().remote_endpoint(client).has_value());
}

TEST_P(SocketContract, a_reset_on_close_resets_the_peer) {
  const auto [server, client] = connected_pair();
  kernel().reset_on_close(server);
  kernel().close(server);
  BufferGroup& group = buffers(2, 256);
  loop().receive(client, group, token(Operation::kSessionReceive));
  const Completion received = take(token(Operation::kSessionReceive));
  EXPECT_EQ(received.error(), Error::kConnectionReset);
}

TEST_P(SocketContract, say_and_close_says_it_and_closes) {
  BufferGroup& group = buffers(4, 256);
  const auto [server, client] = connected_pair();
  kernel().say_and_close(server, "421 4.3.2 too busy\r\n");
  EXPECT_EQ(receive(client, group, SIZE_MAX), "421 4.3.2 too busy\r\n");
}

TEST_P(SocketContract, connecting_where_nobody_listens_is_refused) {
  const int listening = listener();
  sockaddr_storage address{};
  const uint32_t length =
      kernel().local_endpoint(listening).value_or(Endpoint{}).to_sockaddr(address);
  kernel().close(listening);
  const int fd = kernel().socket(IpAddress::Family::kV4).value_or(-1);
  loop().connect(fd, address, length, token(Operation::kHopConnect));
  EXPECT_EQ(take(token(Operation::kHopConnect)).error(), Error::kConnectionRefused);
}

TEST_P(SocketContract, cores_share_an_endpoint_and_a_claim_sees_them) {
  const int first = listener();
  const Endpoint endpoint = kernel().local_endpoint(first).value_or(Endpoint{});
  const auto second = kernel().listen(endpoint);
  ASSERT_TRUE(second.has_value());
  kernel().close(first);
  EXPECT_EQ(kernel().claim(endpoint).error(), Error::kAddressInUse);
  kernel().close(*second);
  EXPECT_TRUE(kernel().claim(endpoint).has_value());
}

TEST_P(SocketContract, operations_on_what_is_no_connection_fail) {
  BufferGroup& group = buffers(4, 256);
  loop().receive(987, group, token(Operation::kSessionReceive));
  EXPECT_EQ(take(token(Operation::kSessionReceive)).result, -EBADF);
  loop().send(987, std::string_view("x"), token(Operation::kSessionSend));
  EXPECT_EQ(take(token(Operation::kSessionSend)).result, -EBADF);
  loop().close(987, token(Operation::kSessionClose));
  EXPECT_EQ(take(token(Operation::kSessionClose)).result, -EBADF);
  loop().accept_multishot(987, token(Operation::kAccept));
  EXPECT_EQ(take(token(Operation::kAccept)).result, -EBADF);
  const int fd = kernel().socket(IpAddress::Family::kV4).value_or(-1);
  loop().receive(fd, group, token(Operation::kSessionReceive));
  EXPECT_EQ(take(token(Operation::kSessionReceive)).result, -ENOTCONN);
  kernel().shut_down_writes(fd);  // not connected: nothing happens
}

TEST_P(SocketContract, one_multishot_accept_takes_many_connections) {
  const int listening = listener();
  sockaddr_storage address{};
  const uint32_t length =
      kernel().local_endpoint(listening).value_or(Endpoint{}).to_sockaddr(address);
  constexpr uint32_t kCount = 20;
  loop().accept_multishot(listening, token(Operation::kAccept));
  for (uint32_t i = 0; i < kCount; ++i) {
    const int fd = kernel().socket(IpAddress::Family::kV4).value_or(-1);
    loop().connect(fd, address, length, token(Operation::kHopConnect, i));
  }
  for (uint32_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(take(token(Operation::kHopConnect, i)).result, 0);
    const Completion accepted = take(token(Operation::kAccept));
    EXPECT_GE(accepted.result, 0);
    EXPECT_TRUE(accepted.more);
  }
  EXPECT_EQ(loop().in_flight(), 1U);
}

}  // namespace
}  // namespace relais::ring
