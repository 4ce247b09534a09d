// What is read from /proc and the control group, on files as systems have them.
#include "admin/machine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace relais::admin {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMeminfo =
    "MemTotal:       16000000 kB\n"
    "MemFree:          500000 kB\n"
    "MemAvailable:    4000000 kB\n"
    "SwapTotal:             0 kB\n";
constexpr const char* kStatus =
    "Name:\trelais\n"
    "VmRSS:\t  900000 kB\n"
    "RssAnon:\t  300000 kB\n"
    "RssFile:\t  600000 kB\n"
    "VmSwap:\t   20000 kB\n";

// A root with files of one's own in front of /proc and /sys.
class Machine : public testing::Test {
 protected:
  Machine() {
    std::string name = (fs::temp_directory_path() / "relais-machine-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    write("/proc/meminfo", kMeminfo);
    write("/proc/self/status", kStatus);
  }
  ~Machine() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  void write(const std::string& path, std::string_view text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path, std::ios::binary) << text;
  }
  void group_v2(const std::string& path, std::string_view max, std::string_view current,
                std::string_view inactive) {
    write("/sys/fs/cgroup" + path + "/memory.max", std::string(max) + "\n");
    write("/sys/fs/cgroup" + path + "/memory.current", std::string(current) + "\n");
    write("/sys/fs/cgroup" + path + "/memory.stat",
          "anon 1\nactive_file 7\ninactive_file " + std::string(inactive) + "\nslab 9\n");
  }

  std::string root_;
};

TEST_F(Machine, WithoutAControlGroupTheMachineCounts) {
  const MemoryUse use = read_memory(root_);
  EXPECT_EQ(use.private_percent, 2U);  // 320000 of 16000000 kB
  EXPECT_EQ(use.system_percent, 75U);  // what is available can be had, free or not
}

TEST_F(Machine, TheLimitOfOurControlGroupCounts) {
  write("/proc/self/cgroup", "0::/system.slice/relais.service\n");
  group_v2("/system.slice/relais.service", "1073741824", "966367642", "107374182");
  const MemoryUse use = read_memory(root_);
  EXPECT_EQ(use.private_percent, 30U);  // 327680000 of 1 GiB
  EXPECT_EQ(use.system_percent, 80U);   // without what the kernel drops first
}

TEST_F(Machine, ALimitAroundOurGroupCountsToo) {
  write("/proc/self/cgroup", "0::/system.slice/relais.service\n");
  group_v2("/system.slice/relais.service", "max", "500", "0");
  group_v2("/system.slice", "409600000", "401408000", "0");
  const MemoryUse use = read_memory(root_);
  EXPECT_EQ(use.private_percent, 80U);
  EXPECT_EQ(use.system_percent, 98U);
}

TEST_F(Machine, WithoutALimitTheMachineCounts) {
  write("/proc/self/cgroup", "0::/user.slice\n");
  group_v2("/user.slice", "max", "15000000000", "0");
  EXPECT_EQ(read_memory(root_).system_percent, 75U);
  EXPECT_EQ(read_memory(root_).private_percent, 2U);
}

TEST_F(Machine, InAContainerOnlyTheRootOfTheHierarchyIsSeen) {
  write("/proc/self/cgroup", "0::/../../docker/5f3c\n");
  group_v2("", "655360000", "0", "0");
  EXPECT_EQ(read_memory(root_).private_percent, 50U);
}

TEST_F(Machine, Version1) {
  write("/proc/self/cgroup",
        "9:name=systemd:/\n4:memory:/docker/5f3c\n1:cpu,cpuacct:/docker/5f3c\n0::/\n");
  const std::string group = "/sys/fs/cgroup/memory/docker/5f3c";
  write(group + "/memory.limit_in_bytes", "1310720000\n");
  write(group + "/memory.usage_in_bytes", "1300000000\n");
  write(group + "/memory.stat", "inactive_file 5\ntotal_inactive_file 120560000\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  const MemoryUse use = read_memory(root_);
  EXPECT_EQ(use.private_percent, 25U);
  EXPECT_EQ(use.system_percent, 89U);  // 1179440000 of 1310720000, 89.98
}

TEST_F(Machine, WhatCannotBeReadIsNotKnown) {
  write("/proc/meminfo", "");
  EXPECT_EQ(read_memory(root_).private_percent, std::nullopt);
  EXPECT_EQ(read_memory(root_).system_percent, std::nullopt);
  write("/proc/meminfo", "MemTotal: many kB\n");
  EXPECT_EQ(read_memory(root_).system_percent, std::nullopt);
  write("/proc/meminfo", "MemTotal: 100 kB\n");
  write("/proc/self/status", "Name:\trelais\n");
  EXPECT_EQ(read_memory(root_).private_percent, std::nullopt);
  EXPECT_EQ(read_memory(root_).system_percent, std::nullopt);
}

TEST_F(Machine, NonsenseInTheControlGroupIsNoLimit) {
  write("/proc/self/cgroup", "\nnonsense\n::\n0:\n0::relative\n");
  group_v2("", "0", "12", "0");
  EXPECT_EQ(read_memory(root_).system_percent, 75U);
  group_v2("", "a lot", "12", "0");
  EXPECT_EQ(read_memory(root_).system_percent, 75U);
}

TEST(ThisMachine, HasMemoryAndADisk) {
  const MemoryUse memory = read_memory();
  ASSERT_TRUE(memory.private_percent.has_value());
  ASSERT_TRUE(memory.system_percent.has_value());
  EXPECT_LE(*memory.system_percent, 100U);
  const auto disk = read_disk("/tmp");
  ASSERT_TRUE(disk.has_value());
  EXPECT_GT(disk->size, 0U);
  EXPECT_LE(disk->used, disk->size);
  EXPECT_EQ(read_disk("/nonexistent"), std::nullopt);
}

TEST(Percent, IsRoundedDown) {
  EXPECT_EQ(percent_of(0, 0), 0U);
  EXPECT_EQ(percent_of(999, 1000), 99U);
  EXPECT_EQ(percent_of(1000, 1000), 100U);
  EXPECT_EQ(percent_of(1001, 1000), 100U);
  EXPECT_EQ(percent_of(UINT64_MAX / 2, UINT64_MAX), 49U);
}

}  // namespace
}  // namespace relais::admin
