// The contract of the ring for files, wake-ups, timers and the queues themselves, on Linux and in
// the simulation.
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <thread>

#include "ring/ground.h"
#include "ring/mailbox.h"

namespace relais::ring {
namespace {

struct alignas(4096) Block {
  std::array<std::byte, 4096> bytes{};
  explicit Block(char fill) { std::memset(bytes.data(), fill, bytes.size()); }
  Block() = default;
};

class FileContract : public RingTest, public testing::WithParamInterface<Ground> {
 protected:
  void SetUp() override { stand_on(GetParam()); }
  [[nodiscard]] std::string path(const char* name) const { return folder() + "/" + name; }
  int open_new(int directory, const char* name) {
    loop().open_new(directory, name, token(Operation::kMaildirOpen));
    return take(token(Operation::kMaildirOpen)).result;
  }
  int write(int fd, std::string_view text, uint64_t offset = UINT64_MAX) {
    loop().write(fd, std::as_bytes(std::span(text)), offset, token(Operation::kMaildirWrite));
    return take(token(Operation::kMaildirWrite)).result;
  }
  int sync(int fd) {
    loop().sync(fd, token(Operation::kMaildirSync));
    return take(token(Operation::kMaildirSync)).result;
  }
  int rename(int directory, const char* from, const char* to) {
    loop().rename(directory, from, to, token(Operation::kMaildirRename));
    return take(token(Operation::kMaildirRename)).result;
  }
  std::string contents(const char* name) {
    const auto fd = kernel().open(path(name), OpenMode::kRead);
    if (!fd) return std::string(describe(fd.error()));
    std::string text(kernel().size(*fd).value_or(0), '\0');
    EXPECT_EQ(kernel().read_at(*fd, std::as_writable_bytes(std::span(text)), 0), text.size());
    kernel().close(*fd);
    return text;
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, FileContract, testing::ValuesIn(all_grounds()),
                         [](const auto& ground) { return ground.param.name; });

TEST_P(FileContract, a_durable_write_of_several_vectors_is_read_back) {
  const int fd = kernel().create_zeroed(path("log"), 8 * 4096).value_or(-1);
  EXPECT_EQ(kernel().size(fd), 8U * 4096);
  const Block a('a');
  const Block b('b');
  const std::array<iovec, 2> vectors = {
      iovec{const_cast<std::byte*>(a.bytes.data()), a.bytes.size()},
      iovec{const_cast<std::byte*>(b.bytes.data()), b.bytes.size()}};
  loop().write_durable(fd, vectors, 4096, token(Operation::kSpoolWrite));
  EXPECT_EQ(take(token(Operation::kSpoolWrite)).result, 8192);
  std::array<Block, 4> back;
  loop().read(fd, {back[0].bytes.data(), sizeof back}, 0, token(Operation::kSpoolRead));
  EXPECT_EQ(take(token(Operation::kSpoolRead)).result, 4 * 4096);
  EXPECT_EQ(back[0].bytes, Block().bytes);
  EXPECT_EQ(back[1].bytes, a.bytes);
  EXPECT_EQ(back[2].bytes, b.bytes);
  EXPECT_EQ(back[3].bytes, Block().bytes);
}

TEST_P(FileContract, a_read_goes_to_several_places) {
  const int fd = kernel().create_zeroed(path("log"), 4 * 4096).value_or(-1);
  const Block a('a');
  const Block b('b');
  loop().write(fd, a.bytes, 0, token(Operation::kSpoolWrite));
  EXPECT_EQ(take(token(Operation::kSpoolWrite)).result, 4096);
  loop().write(fd, b.bytes, 4096, token(Operation::kSpoolWrite));
  EXPECT_EQ(take(token(Operation::kSpoolWrite)).result, 4096);
  Block first;
  Block second;
  const std::array<iovec, 2> vectors = {iovec{second.bytes.data(), second.bytes.size()},
                                        iovec{first.bytes.data(), first.bytes.size()}};
  loop().read_vector(fd, vectors, 0, token(Operation::kSpoolRead));
  EXPECT_EQ(take(token(Operation::kSpoolRead)).result, 2 * 4096);
  EXPECT_EQ(second.bytes, a.bytes);
  EXPECT_EQ(first.bytes, b.bytes);
  loop().read_vector(fd, vectors, 3 * 4096, token(Operation::kSpoolRead));
  EXPECT_EQ(take(token(Operation::kSpoolRead)).result, 4096);
}

TEST_P(FileContract, a_read_stops_at_the_end_of_the_file) {
  const int fd = kernel().create_zeroed(path("log"), 2 * 4096).value_or(-1);
  std::array<Block, 2> back;
  loop().read(fd, {back[0].bytes.data(), sizeof back}, 4096, token(Operation::kSpoolRead));
  EXPECT_EQ(take(token(Operation::kSpoolRead)).result, 4096);
  loop().read(fd, {back[0].bytes.data(), sizeof back}, 8192, token(Operation::kSpoolRead));
  EXPECT_EQ(take(token(Operation::kSpoolRead)).result, 0);
}

TEST_P(FileContract, a_new_log_file_is_empty_and_must_not_exist) {
  const auto fd = kernel().create(path("new"));
  ASSERT_TRUE(fd.has_value());
  EXPECT_EQ(kernel().size(*fd), 0U);
  EXPECT_EQ(kernel().create(path("new")).error(), Error::kExists);
  EXPECT_EQ(kernel().create_zeroed(path("new"), 4096).error(), Error::kExists);
  EXPECT_EQ(kernel().create(path("no/folder")).error(), Error::kNotFound);
}

TEST_P(FileContract, a_mail_goes_from_tmp_to_new) {
  ASSERT_TRUE(kernel().make_directories(path("box/tmp")).has_value());
  ASSERT_TRUE(kernel().make_directories(path("box/new")).has_value());
  const int box = kernel().open(path("box"), OpenMode::kDirectory).value_or(-1);
  const int fd = open_new(box, "tmp/1");
  ASSERT_GE(fd, 0);
  EXPECT_EQ(write(fd, "Subject: hello\n"), 15);
  EXPECT_EQ(write(fd, "\nHi.\n"), 5);  // where the first one ended
  EXPECT_EQ(sync(fd), 0);
  EXPECT_EQ(rename(box, "tmp/1", "new/1"), 0);
  EXPECT_EQ(sync(box), 0);
  loop().close(fd, token(Operation::kMaildirClose));
  EXPECT_EQ(take(token(Operation::kMaildirClose)).result, 0);
  EXPECT_EQ(contents("box/new/1"), "Subject: hello\n\nHi.\n");
  EXPECT_EQ(kernel().list(path("box/tmp")), std::vector<std::string>{});
  EXPECT_EQ(kernel().list(path("box/new")), std::vector<std::string>{"1"});
}

TEST_P(FileContract, open_new_fails_when_the_file_exists_or_its_folder_does_not) {
  const int directory = kernel().open(folder(), OpenMode::kDirectory).value_or(-1);
  EXPECT_GE(open_new(directory, "a"), 0);
  EXPECT_EQ(open_new(directory, "a"), -EEXIST);
  EXPECT_EQ(open_new(directory, "missing/a"), -ENOENT);
  EXPECT_EQ(open_new(987, "a"), -EBADF);
}

TEST_P(FileContract, rename_replaces_its_target_and_needs_a_source) {
  const int directory = kernel().open(folder(), OpenMode::kDirectory).value_or(-1);
  EXPECT_EQ(write(open_new(directory, "a"), "A"), 1);
  EXPECT_EQ(write(open_new(directory, "b"), "B"), 1);
  EXPECT_EQ(rename(directory, "a", "b"), 0);
  EXPECT_EQ(contents("b"), "A");
  EXPECT_EQ(contents("a"), describe(Error::kNotFound));
  EXPECT_EQ(rename(directory, "a", "b"), -ENOENT);
}

TEST_P(FileContract, appending_goes_to_the_end_whatever_others_wrote) {
  const int one = kernel().open(path("mail.log"), OpenMode::kAppend).value_or(-1);
  const int two = kernel().open(path("mail.log"), OpenMode::kAppend).value_or(-1);
  EXPECT_EQ(write(one, "first "), 6);
  EXPECT_EQ(write(two, "second "), 7);
  EXPECT_EQ(write(one, "third"), 5);
  EXPECT_EQ(contents("mail.log"), "first second third");
}

TEST_P(FileContract, a_descriptor_does_what_it_was_opened_for) {
  const int directory = kernel().open(folder(), OpenMode::kDirectory).value_or(-1);
  const int fd = open_new(directory, "a");
  std::array<std::byte, 8> bytes{};
  loop().read(fd, bytes, 0, token(Operation::kSpoolRead));
  EXPECT_EQ(take(token(Operation::kSpoolRead)).result, -EBADF);
  const int reader = kernel().open(path("a"), OpenMode::kRead).value_or(-1);
  EXPECT_EQ(write(reader, "x", 0), -EBADF);
  loop().read(directory, bytes, 0, token(Operation::kSpoolRead));
  EXPECT_EQ(take(token(Operation::kSpoolRead)).result, -EISDIR);
  EXPECT_EQ(sync(987), -EBADF);
  EXPECT_EQ(kernel().open(path("a"), OpenMode::kDirectory).error(), Error::kNotFound);
  EXPECT_EQ(kernel().open(path("b"), OpenMode::kLog).error(), Error::kNotFound);
}

TEST_P(FileContract, a_removed_file_stays_readable_for_those_who_have_it_open) {
  const int directory = kernel().open(folder(), OpenMode::kDirectory).value_or(-1);
  EXPECT_EQ(write(open_new(directory, "a"), "text"), 4);
  const int fd = kernel().open(path("a"), OpenMode::kRead).value_or(-1);
  EXPECT_TRUE(kernel().remove(path("a")).has_value());
  EXPECT_EQ(kernel().remove(path("a")).error(), Error::kNotFound);
  std::array<std::byte, 4> bytes{};
  EXPECT_EQ(kernel().read_at(fd, bytes, 0), 4U);
}

TEST_P(FileContract, a_lock_is_held_once) {
  const auto fd = kernel().lock(path("lock"));
  ASSERT_TRUE(fd.has_value());
  EXPECT_EQ(kernel().lock(path("lock")).error(), Error::kExists);
  kernel().close(*fd);
  EXPECT_TRUE(kernel().lock(path("lock")).has_value());
}

TEST_P(FileContract, listing_is_sorted_and_a_missing_folder_is_not_found) {
  const int directory = kernel().open(folder(), OpenMode::kDirectory).value_or(-1);
  for (const char* name : {"b", "c", "a"}) EXPECT_GE(open_new(directory, name), 0);
  EXPECT_EQ(kernel().list(folder()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(kernel().list(path("missing")).error(), Error::kNotFound);
  EXPECT_TRUE(kernel().sync_directory(folder()).has_value());
  EXPECT_EQ(kernel().sync_directory(path("missing")).error(), Error::kNotFound);
}

TEST_P(FileContract, a_letter_wakes_the_loop_and_several_make_one_wake_up) {
  auto mailbox = Mailbox::create(kernel());
  ASSERT_TRUE(mailbox.has_value());
  const Token wake{Operation::kWake, {}};
  (*mailbox)->arm(loop());
  EXPECT_TRUE(quiet(wake, milliseconds(2)));
  (*mailbox)->post({.kind = Letter::Kind::kDrain});
  (*mailbox)->post({.kind = Letter::Kind::kConnection, .value = 7});
  EXPECT_EQ(take(wake).result, 8);
  const auto letters = (*mailbox)->take();
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[1].value, 7);
  EXPECT_TRUE((*mailbox)->take().empty());
  (*mailbox)->arm(loop());
  // The first wake-up may have come between the two posts; then one more is due, with no letter.
  (*mailbox)->post({});
  EXPECT_EQ(take(wake).result, 8);
}

TEST_P(FileContract, timers_fire_in_order_and_never_early) {
  const Instant start = loop().now();
  for (const uint32_t ms : {7U, 1U, 30U, 3U})
    [[maybe_unused]] const TimerId id =
        loop().arm_timer(start + milliseconds(ms), token(Operation::kSessionTimer, ms));
  TimerId canceled = loop().arm_timer(start + milliseconds(2), token(Operation::kSessionTimer, 2));
  loop().cancel_timer(canceled);
  EXPECT_TRUE(canceled.is_null());
  std::vector<uint32_t> fired;
  while (fired.size() < 4) {
    for (const Completion& completion : loop().turn()) {
      fired.push_back(completion.token.handle.slot);
      EXPECT_GE(loop().now(), start + milliseconds(completion.token.handle.slot));
    }
  }
  EXPECT_EQ(fired, (std::vector<uint32_t>{1, 3, 7, 30}));
}

TEST_P(FileContract, a_turn_with_work_left_does_not_wait) {
  [[maybe_unused]] const TimerId id =
      loop().arm_timer(loop().now() + seconds(3600), token(Operation::kSessionTimer));
  const Instant before = loop().now();
  loop().do_not_wait();
  EXPECT_TRUE(loop().turn().empty());
  EXPECT_LT(loop().now(), before + seconds(60));
}

TEST_P(FileContract, more_operations_than_the_queues_hold_all_complete_once) {
  Loop::Options options;
  options.submissions = 8;
  options.completions = 16;
  make_loop(options);
  const int fd = kernel().open(folder(), OpenMode::kDirectory).value_or(-1);
  constexpr uint32_t kCount = 300;
  for (uint32_t i = 0; i < kCount; ++i) loop().sync(fd, token(Operation::kMaildirSync, i));
  EXPECT_EQ(loop().in_flight(), kCount);
  for (uint32_t i = 0; i < kCount; ++i)
    EXPECT_EQ(take(token(Operation::kMaildirSync, i)).result, 0);
  EXPECT_EQ(loop().in_flight(), 0U);
}

TEST(LinuxKernel, this_machine_can_run_us) {
  const auto probe = LinuxKernel::probe();
  EXPECT_TRUE(probe.ok) << probe.problem << "; " << probe.cure;
}

}  // namespace
}  // namespace relais::ring
