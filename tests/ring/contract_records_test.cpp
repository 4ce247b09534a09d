// The contract of records of TLS, in the simulation and on a Linux that has them: what a receive
// meets, and what goes out, in every kind that the kernel takes.
#include <utility>

#include "ring/ground.h"
#include "simulation/sim_records.h"

namespace relais::ring {
namespace {

using simulation::SimRecords;
using enum RecordDirection;

RecordKey key_of(TlsRecordKind kind, uint8_t seed) {
  RecordKey key;
  key.kind = kind;
  for (size_t i = 0; i < key.key.size(); ++i) key.key[i] = static_cast<uint8_t>(seed + i);
  for (size_t i = 0; i < key.iv.size(); ++i) key.iv[i] = static_cast<uint8_t>(seed * 3 + i);
  key.number = seed;
  return key;
}

class RecordContract : public RingTest, public testing::WithParamInterface<Ground> {
 protected:
  // Each kind on a connection of its own.
  template <class Play>
  void for_each_kind(Play play) {
    stand_on(GetParam());
    const RecordKinds kinds = kernel().record_kinds();
    if (kinds.empty()) GTEST_SKIP() << "this kernel has no TLS";
    const auto group = loop().add_buffers(8, 4096);
    ASSERT_TRUE(group.has_value());
    group_ = *group;
    for (const TlsRecordKind kind : kRecordKinds) {
      if (!kinds.has(kind)) continue;
      std::tie(server_, client_) = connected_pair();
      ASSERT_TRUE(kernel().set_record_key(server_, kReceive, key_of(kind, 1)));
      ASSERT_TRUE(kernel().set_record_key(server_, kSend, key_of(kind, 7)));
      SimRecords to_server(key_of(kind, 1));
      SimRecords from_server(key_of(kind, 7));
      play(kind, to_server, from_server);
      kernel().close(server_);
      kernel().close(client_);
    }
  }
  static std::string records(SimRecords& key, std::initializer_list<ControlRecord> all) {
    std::string bytes;
    for (const ControlRecord& record : all) bytes += key.seal(record.type, record.content);
    return bytes;
  }
  void say(std::string_view text) {
    loop().send_records(server_, text, kSending);
    EXPECT_EQ(take(kSending).result, static_cast<int>(text.size()));
  }
  // What one receive ends with.
  Completion receive_once(std::string& text) {
    loop().receive_records(server_, *group_, kReceiving);
    const Completion completion = take(kReceiving);
    if (completion.has_buffer) {
      const auto bytes = group_->bytes(completion.buffer, static_cast<uint32_t>(completion.result));
      text.append(bytes.data(), bytes.size());
      group_->give_back(completion.buffer);
    }
    return completion;
  }
  std::string receive_text(size_t octets) {
    std::string text;
    while (text.size() < octets && receive_once(text).result > 0) {
    }
    return text;
  }
  // Until so many octets of plaintext have come at the client; of one type.
  std::string opened_at_client(SimRecords& records, size_t octets, RecordType type) {
    std::string text;
    while (text.size() < octets) {
      while (SimRecords::first(raw_) == 0) {
        const std::string more = receive(client_, *group_, 1);
        if (more.empty()) return text;
        raw_ += more;
      }
      const auto record = records.open(raw_.substr(0, SimRecords::first(raw_)));
      raw_.erase(0, SimRecords::first(raw_));
      if (!record || record->type != type) return text + "?";
      text += record->content;
    }
    return text;
  }

  const Token kReceiving = token(Operation::kSessionReceive);
  const Token kSending = token(Operation::kSessionSend);
  BufferGroup* group_ = nullptr;
  int server_ = -1;
  int client_ = -1;
  std::string raw_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, RecordContract, testing::ValuesIn(all_grounds()),
                         [](const auto& ground) { return ground.param.name; });

TEST_P(RecordContract, text_goes_both_ways) {
  for_each_kind([&](TlsRecordKind, SimRecords& to_server, SimRecords& from_server) {
    for (const size_t octets : {size_t{1}, size_t{300}, SimRecords::kContentMax}) {
      const std::string text(octets, 'x');
      // More than the sockets may have room for: each is read while it is sent.
      const std::string sealed =
          records(to_server, {{RecordType::kData, text}, {RecordType::kData, text}});
      loop().send(client_, sealed, kSending);
      EXPECT_EQ(receive_text(2 * octets), text + text);
      EXPECT_EQ(take(kSending).result, static_cast<int>(sealed.size()));
      const std::string answer = text + text + text;
      loop().send_records(server_, answer, kSending);
      // As much as there is room for.
      const Completion sent = take(kSending);
      ASSERT_GT(sent.result, 0);
      const auto taken = static_cast<size_t>(sent.result);
      EXPECT_EQ(opened_at_client(from_server, taken, RecordType::kData), answer.substr(0, taken));
    }
  });
}

TEST_P(RecordContract, a_send_does_not_wait_for_room) {
  for_each_kind([&](TlsRecordKind, SimRecords&, SimRecords&) {
    loop().send(server_, std::string_view("220 relay\r\n"), kSending);
    EXPECT_EQ(take(kSending).error(), Error::kUnsupported);
  });
}

TEST_P(RecordContract, what_had_come_before_the_key_is_opened_by_it) {
  stand_on(GetParam());
  if (kernel().record_kinds().empty()) GTEST_SKIP() << "this kernel has no TLS";
  group_ = *loop().add_buffers(8, 4096);
  std::tie(server_, client_) = connected_pair();
  SimRecords to_server(key_of(kRecordKinds[0], 1));
  const std::string record = to_server.seal(RecordType::kData, "EHLO client\r\n");
  send_all(client_, record.substr(0, 9));
  ASSERT_TRUE(kernel().set_record_key(server_, kReceive, key_of(kRecordKinds[0], 1)));
  send_all(client_, record.substr(9));
  EXPECT_EQ(receive_text(13), "EHLO client\r\n");
  kernel().close(server_);
  kernel().close(client_);
}

TEST_P(RecordContract, a_key_to_receive_with_leaves_sends_as_they_are) {
  stand_on(GetParam());
  if (kernel().record_kinds().empty()) GTEST_SKIP() << "this kernel has no TLS";
  group_ = *loop().add_buffers(8, 4096);
  std::tie(server_, client_) = connected_pair();
  ASSERT_TRUE(kernel().set_record_key(server_, kReceive, key_of(kRecordKinds[0], 1)));
  SimRecords to_server(key_of(kRecordKinds[0], 1));
  send_all(client_, to_server.seal(RecordType::kData, "NOOP\r\n"));
  EXPECT_EQ(receive_text(6), "NOOP\r\n");
  send_all(server_, "250 ok\r\n");
  EXPECT_EQ(receive(client_, *group_, 8), "250 ok\r\n");
  kernel().close(server_);
  kernel().close(client_);
}

TEST_P(RecordContract, a_record_that_is_no_data_waits_for_who_takes_it) {
  for_each_kind([&](TlsRecordKind, SimRecords& to_server, SimRecords&) {
    send_all(client_, records(to_server, {{RecordType::kData, "NOOP\r\n"},
                                          {RecordType::kAlert, std::string{1, 90}},
                                          {RecordType::kData, "QUIT\r\n"}}));
    EXPECT_EQ(receive_text(6), "NOOP\r\n");
    std::string none;
    for (int again = 0; again < 2; ++again) {
      const Completion stopped = receive_once(none);
      EXPECT_EQ(stopped.error(), Error::kIo);
      EXPECT_FALSE(stopped.has_buffer);
    }
    const auto control = kernel().receive_control(server_);
    ASSERT_TRUE(control.has_value());
    EXPECT_EQ(control->type, RecordType::kAlert);
    EXPECT_EQ(control->content, (std::string{1, 90}));
    EXPECT_EQ(receive_text(6), "QUIT\r\n");
    EXPECT_FALSE(kernel().receive_control(server_).has_value());
  });
}

TEST_P(RecordContract, control_records_go_out_between_others) {
  for_each_kind([&](TlsRecordKind, SimRecords&, SimRecords& from_server) {
    say("221 bye\r\n");
    ASSERT_TRUE(kernel().send_control(server_, {RecordType::kAlert, std::string{1, 0}}));
    kernel().shut_down_writes(server_);
    EXPECT_EQ(opened_at_client(from_server, 9, RecordType::kData), "221 bye\r\n");
    EXPECT_EQ(opened_at_client(from_server, 2, RecordType::kAlert), (std::string{1, 0}));
    EXPECT_EQ(receive(client_, *group_, 1), "");
  });
}

TEST_P(RecordContract, in_tls_1_3_new_keys_are_taken) {
  for_each_kind([&](TlsRecordKind kind, SimRecords& to_server, SimRecords& from_server) {
    if (kind.version == TlsVersion::kTls12) {
      EXPECT_FALSE(kernel().set_record_key(server_, kReceive, key_of(kind, 2)).has_value());
      return;
    }
    SimRecords next(key_of(kind, 2));
    const std::string update{24, 0, 0, 1, 0};
    send_all(client_, records(to_server,
                              {{RecordType::kData, "NOOP\r\n"}, {RecordType::kHandshake, update}}));
    send_all(client_, next.seal(RecordType::kData, "QUIT\r\n"));
    EXPECT_EQ(receive_text(6), "NOOP\r\n");
    std::string none;
    EXPECT_EQ(receive_once(none).error(), Error::kIo);
    const auto control = kernel().receive_control(server_);
    ASSERT_TRUE(control.has_value());
    EXPECT_EQ(control->type, RecordType::kHandshake);
    EXPECT_EQ(control->content, update);
    EXPECT_EQ(receive_once(none).result, -EKEYEXPIRED);
    ASSERT_TRUE(kernel().set_record_key(server_, kReceive, key_of(kind, 2)));
    EXPECT_EQ(receive_text(6), "QUIT\r\n");

    say("250 one\r\n");
    ASSERT_TRUE(kernel().send_control(server_, {RecordType::kHandshake, update}));
    ASSERT_TRUE(kernel().set_record_key(server_, kSend, key_of(kind, 8)));
    say("250 two\r\n");
    EXPECT_EQ(opened_at_client(from_server, 9, RecordType::kData), "250 one\r\n");
    EXPECT_EQ(opened_at_client(from_server, 5, RecordType::kHandshake), update);
    SimRecords renewed(key_of(kind, 8));
    EXPECT_EQ(opened_at_client(renewed, 9, RecordType::kData), "250 two\r\n");
  });
}

TEST_P(RecordContract, a_forged_record_is_an_error) {
  for_each_kind([&](TlsRecordKind, SimRecords& to_server, SimRecords&) {
    std::string record = to_server.seal(RecordType::kData, "NOOP\r\n");
    record.back() = static_cast<char>(record.back() ^ 1);
    send_all(client_, record);
    std::string none;
    EXPECT_EQ(receive_once(none).error(), Error::kCorrupt);
  });
}

TEST_P(RecordContract, the_end_of_the_stream_is_an_end) {
  for_each_kind([&](TlsRecordKind, SimRecords& to_server, SimRecords&) {
    const std::string half = to_server.seal(RecordType::kData, "NOOP\r\n").substr(0, 12);
    send_all(client_, half);
    kernel().shut_down_writes(client_);
    std::string none;
    EXPECT_EQ(receive_once(none).result, 0);
  });
}

}  // namespace
}  // namespace relais::ring
