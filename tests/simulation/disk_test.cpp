// What the simulated disk promises about a power cut.
#include "simulation/sim_disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace relais::simulation {
namespace {

std::string sectors(const char* fills) {
  std::string bytes;
  for (const char* c = fills; *c != '\0'; ++c) bytes.append(kSector, *c);
  return bytes;
}

std::span<const std::byte> octets(std::string_view text) { return std::as_bytes(std::span(text)); }

// One letter a sector, '?' for one that is mixed.
std::string letters(const std::optional<std::string>& bytes) {
  if (!bytes) return "(none)";
  std::string text;
  for (size_t at = 0; at < bytes->size(); at += kSector) {
    const std::string_view sector = std::string_view(*bytes).substr(at, kSector);
    const bool pure = sector.find_first_not_of(sector[0]) == std::string_view::npos;
    text += !pure ? '?' : sector[0] == '\0' ? '0' : sector[0];
  }
  return text;
}

SimNodePtr node_of(SimDisk& disk, std::string_view path) {
  SimNodePtr node;
  EXPECT_EQ(disk.find(disk.root(), path, node), 0);
  return node;
}

// All that a scenario can leave behind, over many seeds.
std::set<std::string> outcomes(const std::function<std::string(SimDisk&, Prng&)>& scenario) {
  std::set<std::string> seen;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Prng prng(seed);
    SimDisk disk;
    seen.insert(scenario(disk, prng));
  }
  return seen;
}

TEST(SimDisk, what_was_flushed_is_always_there) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("aa"));
    SimFile& file = node_of(disk, "/log")->file;
    file.write(kSector, octets(sectors("bc")));
    file.flush(file.mark());
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(seen, std::set<std::string>{"abc"});
}

TEST(SimDisk, what_was_not_flushed_survives_in_every_combination_of_whole_sectors) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("aaa"));
    node_of(disk, "/log")->file.write(0, octets(sectors("bcd")));
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(seen, (std::set<std::string>{"aaa", "aad", "aca", "acd", "baa", "bad", "bca", "bcd"}));
}

TEST(SimDisk, any_of_several_writes_to_a_sector_may_be_the_one_that_survives) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("a"));
    for (const char* fill : {"b", "c", "d"})
      node_of(disk, "/log")->file.write(0, octets(sectors(fill)));
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(seen, (std::set<std::string>{"a", "b", "c", "d"}));
}

TEST(SimDisk, a_flush_covers_what_was_written_before_it_began) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("aa"));
    SimFile& file = node_of(disk, "/log")->file;
    file.write(0, octets(sectors("b")));
    const uint64_t mark = file.mark();
    file.write(0, octets(sectors("c")));
    file.write(kSector, octets(sectors("d")));
    file.flush(mark);
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(seen, (std::set<std::string>{"ba", "bd", "ca", "cd"}));
}

TEST(SimDisk, a_flush_of_a_range_leaves_the_rest_to_chance) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("aa"));
    SimFile& file = node_of(disk, "/log")->file;
    file.write(0, octets(sectors("bb")));
    file.flush(file.mark(), kSector, kSector);
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(seen, (std::set<std::string>{"ab", "bb"}));
}

TEST(SimDisk, a_failed_flush_is_not_repaired_by_a_later_one) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("a"));
    SimFile& file = node_of(disk, "/log")->file;
    file.write(0, octets(sectors("b")));
    file.fail_flush(prng);
    file.flush(file.mark());
    EXPECT_EQ(letters(disk.read_file("/log")), "b");
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(seen, (std::set<std::string>{"a", "b"}));
  const auto written_again = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("a"));
    SimFile& file = node_of(disk, "/log")->file;
    file.write(0, octets(sectors("b")));
    file.fail_flush(prng);
    file.write(0, octets(sectors("b")));
    file.flush(file.mark());
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(written_again, std::set<std::string>{"b"});
}

TEST(SimDisk, growth_that_was_not_flushed_reads_as_zeros_or_is_not_there) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("a"));
    node_of(disk, "/log")->file.write(kSector, octets(sectors("b")));
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(seen, (std::set<std::string>{"a", "a0", "ab"}));
}

TEST(SimDisk, a_new_name_needs_its_directory_flushed) {
  const auto create = [](SimDisk& disk) {
    EXPECT_EQ(disk.make_directories("/box"), 0);
    disk.sync_all();
    SimNodePtr node;
    EXPECT_EQ(disk.create(disk.root(), "/box/mail", true, node), 0);
    node->file.write(0, octets(sectors("a")));
    node->file.flush(node->file.mark());
  };
  const auto without = outcomes([&](SimDisk& disk, Prng& prng) {
    create(disk);
    disk.crash(prng);
    return letters(disk.read_file("/box/mail"));
  });
  EXPECT_EQ(without, (std::set<std::string>{"(none)", "a"}));
  const auto with = outcomes([&](SimDisk& disk, Prng& prng) {
    create(disk);
    disk.sync_directory(node_of(disk, "/box"), disk.mark());
    disk.crash(prng);
    return letters(disk.read_file("/box/mail"));
  });
  EXPECT_EQ(with, std::set<std::string>{"a"});
}

TEST(SimDisk, a_rename_is_seen_whole_or_not_at_all) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/box/old", "x");
    EXPECT_EQ(disk.rename(disk.root(), "/box/old", disk.root(), "/box/new"), 0);
    disk.crash(prng);
    std::string names;
    for (const std::string& name : disk.list("/box")) names += name + " ";
    return names;
  });
  EXPECT_EQ(seen, (std::set<std::string>{"new ", "old "}));
}

TEST(SimDisk, a_rename_between_folders_is_durable_where_it_was_flushed) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/tmp/1", "x");
    EXPECT_EQ(disk.make_directories("/new"), 0);
    disk.sync_all();
    EXPECT_EQ(disk.rename(disk.root(), "/tmp/1", disk.root(), "/new/1"), 0);
    disk.sync_directory(node_of(disk, "/new"), disk.mark());
    disk.crash(prng);
    return std::string(disk.read_file("/tmp/1") ? "tmp " : "") +
           (disk.read_file("/new/1") ? "new" : "");
  });
  EXPECT_EQ(seen, (std::set<std::string>{"new", "tmp new"}));
}

TEST(SimDisk, a_removed_file_may_come_back) {
  const auto seen = outcomes([](SimDisk& disk, Prng& prng) {
    disk.write_file("/log", sectors("a"));
    EXPECT_EQ(disk.remove("/log"), 0);
    disk.crash(prng);
    return letters(disk.read_file("/log"));
  });
  EXPECT_EQ(seen, (std::set<std::string>{"(none)", "a"}));
}

TEST(SimDisk, room_is_taken_by_size_and_given_back_with_the_last_reference) {
  SimDisk disk;
  disk.set_capacity(10 * kSector);
  disk.write_file("/a", sectors("aaaa"));
  EXPECT_EQ(disk.used(), 4 * kSector);
  SimNodePtr b;
  ASSERT_EQ(disk.create(disk.root(), "/b", true, b), 0);
  EXPECT_EQ(disk.reserve(*b, 8 * kSector), 6 * kSector);
  EXPECT_EQ(disk.used(), 10 * kSector);
  EXPECT_EQ(disk.reserve(*b, 6 * kSector), 6 * kSector);
  ASSERT_EQ(disk.remove("/b"), 0);
  EXPECT_EQ(disk.used(), 10 * kSector);
  b.reset();
  disk.sync_all();
  EXPECT_EQ(disk.used(), 4 * kSector);
}

TEST(SimDisk, paths_are_walked_as_usual) {
  SimDisk disk;
  disk.write_file("/a/b/c", "x");
  SimNodePtr node;
  EXPECT_EQ(disk.find(disk.root(), "//a/./b//c", node), 0);
  EXPECT_EQ(disk.find(disk.root(), "/a/x/c", node), -ENOENT);
  EXPECT_EQ(disk.find(disk.root(), "/a/b/c/d", node), -ENOTDIR);
  EXPECT_EQ(disk.find(node_of(disk, "/a"), "b/c", node), 0);
  EXPECT_EQ(disk.make_directories("/a/b/c"), -ENOTDIR);
  EXPECT_EQ(disk.remove("/a"), -EISDIR);
  EXPECT_EQ(disk.rename(disk.root(), "/a/b/c", disk.root(), "/a/b"), -EISDIR);
}

}  // namespace
}  // namespace relais::simulation
