// What a session holds while it has nothing to do, counted at OpenSSL's own allocator.
#include <gtest/gtest.h>
#include <malloc.h>
#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>

#include "pair.h"

namespace relais::tls::test {
namespace {

std::atomic<size_t> held = 0;

void* count_allocation(size_t size, const char*, int) {
  void* memory = std::malloc(size);
  held += malloc_usable_size(memory);
  return memory;
}
void count_release(void* memory, const char*, int) {
  held -= malloc_usable_size(memory);
  std::free(memory);
}
void* count_growth(void* memory, size_t size, const char*, int) {
  held -= malloc_usable_size(memory);
  memory = std::realloc(memory, size);
  held += malloc_usable_size(memory);
  return memory;
}

// Before anything of OpenSSL runs, or it is refused.
const bool counting = CRYPTO_set_mem_functions(count_allocation, count_growth, count_release) == 1;

TEST(Memory, OfAnIdleSessionIsWithoutBuffers) {
  ASSERT_TRUE(counting);
  constexpr size_t kSessions = 100;
  const ServerPtr server_context = make_server();
  const ClientPtr client_context = make_client(false);
  std::vector<std::unique_ptr<Stream>> idle;
  size_t before = 0;
  for (size_t i = 0; i <= kSessions; ++i) {
    if (i == 1) before = held;  // what the first one leaves in caches is not the session's
    auto& stream = idle.emplace_back(std::make_unique<Stream>(server_context));
    Stream client_stream(client_context, "relay.contoso.com");
    Side server(*stream);
    Side client(client_stream);
    client.hear("");
    talk(client, server);
    ASSERT_TRUE(client_stream.write("NOOP\r\n"));
    ASSERT_TRUE(stream->write("250 OK\r\n"));
    talk(client, server);
    ASSERT_EQ(server.heard, "NOOP\r\n");
  }
  const size_t each = (held - before) / kSessions + sizeof(Stream);
  RecordProperty("octets_per_idle_session", static_cast<int>(each));
  std::printf("an idle session holds %zu octets, of which %zu in Stream\n", each, sizeof(Stream));
  EXPECT_LT(each, 16'384U) << "a buffer of a record is kept";
  // One in the middle of a record holds the buffer for it.
  const std::string half_record("\x17\x03\x03\x40\x11", 5);
  const size_t at_rest = held;
  for (auto& stream : idle) Side(*stream).hear(half_record);
  const size_t waiting = (held - at_rest) / idle.size();
  std::printf("one that waits for the rest of a record: %zu more\n", waiting);
  EXPECT_LT(waiting, 20'000U);
}

}  // namespace
}  // namespace relais::tls::test
