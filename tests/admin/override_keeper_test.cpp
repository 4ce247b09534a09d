// Overriding limits as the server does it, on clocks that the test sets: what is taken, how long it
// lasts, what a restart and a changed configuration leave of it.
#include "admin/override_keeper.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/write_file.h"

namespace relais::admin {
namespace {

namespace fs = std::filesystem;

constexpr WallTime kToday{1'767'225'600'000'000'000};

policy::ReceiveConnector connector_named(std::string name) {
  policy::ReceiveConnector connector;
  connector.name = std::move(name);
  policy::Limit limit;
  limit.measure = policy::Measure::kMessages;
  limit.key = policy::LimitKey::kSource;
  limit.rate = {600, minutes(1)};
  limit.burst = 600;
  connector.limits = {limit};
  return connector;
}

class OverrideKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "relais-overrides-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    restart();
  }
  void TearDown() override { fs::remove_all(folder_); }

  void restart(int64_t pid = 1) {
    keeper_ = std::make_unique<OverrideKeeper>(folder_);
    keeper_->begin(pid, clocks_);
  }

  void pass(Duration time) {
    clocks_.now = clocks_.now + time;
    clocks_.wall = clocks_.wall + time;
  }

  // As the server does it. The answer.
  OverrideAnswer ask(OverrideRequest request) {
    request.id = std::to_string(++asked_);
    EXPECT_TRUE(config::write_file(override_request_path(folder_), to_json(request)));
    if (keeper_->take_request(connectors_, clocks_)) {
      limits_ = keeper_->apply(connectors_);
      keeper_->answer();
    }
    const OverrideBook book = this->book();
    EXPECT_EQ(book.answer.id, request.id);
    return book.answer;
  }
  OverrideAnswer set(std::string value, Duration time = hours(2), bool keep = false,
                     std::string limit = "messages/source", std::string connector = "Relay") {
    return ask({.id = {},
                .removes = false,
                .wanted = {std::move(connector), std::move(limit), std::move(value), {}},
                .time = time,
                .keep = keep,
                .uid = 1000,
                .user = "chris"});
  }
  OverrideAnswer remove(std::string limit, std::string connector = "Relay") {
    OverrideRequest request;
    request.removes = true;
    request.wanted.connector = std::move(connector);
    request.wanted.limit = std::move(limit);
    return ask(request);
  }
  [[nodiscard]] OverrideBook book() const {
    const auto book = read_overrides(folder_);
    EXPECT_TRUE(book);
    return book.value_or(OverrideBook{});
  }
  // Of the first limit of the connector; 0: nothing is overridden.
  [[nodiscard]] uint64_t count(const std::string& connector = "Relay") const {
    const auto found = limits_.find(connector);
    return found == limits_.end() ? 0 : found->second.at(0).rate.count;
  }

  OverrideKeeper::Clocks clocks_{{1'000'000'000}, kToday};
  std::string folder_;
  std::unique_ptr<OverrideKeeper> keeper_;
  OverrideKeeper::Connectors connectors_{connector_named("Relay"), connector_named("Other")};
  policy::LimitsByConnector limits_;
  int asked_ = 0;
};

TEST_F(OverrideKeeperTest, TakesOneAndWritesItDown) {
  const OverrideAnswer answer = set("1200/min", hours(2), true);
  EXPECT_TRUE(answer.ok) << answer.problem;
  EXPECT_EQ(answer.before, "600/min");
  EXPECT_EQ(answer.after, "1200/min");
  EXPECT_EQ(answer.until, kToday + hours(2));
  EXPECT_EQ(count(), 1200U);
  EXPECT_EQ(count("Other"), 0U);
  const OverrideBook book = this->book();
  ASSERT_EQ(book.overrides.size(), 1U);
  const Override& entry = book.overrides[0];
  EXPECT_EQ(entry.connector, "Relay");
  EXPECT_EQ(entry.limit, "messages/source");
  EXPECT_EQ(entry.was, "600/min");
  EXPECT_EQ(entry.now, "1200/min");
  EXPECT_EQ(entry.user, "chris");
  EXPECT_EQ(entry.uid, 1000);
  EXPECT_EQ(entry.since, kToday);
  EXPECT_EQ(entry.until, kToday + hours(2));
  EXPECT_TRUE(entry.keep);
  EXPECT_FALSE(fs::exists(override_request_path(folder_)));
}

TEST_F(OverrideKeeperTest, AnotherOneTakesItsPlace) {
  (void)set("1200/min");
  pass(minutes(90));
  const OverrideAnswer answer = set("1800/min");
  EXPECT_EQ(answer.before, "1200/min");
  EXPECT_EQ(answer.was, "600/min");
  EXPECT_EQ(book().overrides.size(), 1U);
  pass(minutes(90));
  EXPECT_FALSE(keeper_->expire(clocks_.now));
  EXPECT_EQ(count(), 1800U);
}

TEST_F(OverrideKeeperTest, ARefusalLeavesWhatWasBefore) {
  (void)set("1200/min");
  EXPECT_EQ(set("0/min").problem.substr(0, 31), "rate: '0/min': the count is 0. ");
  EXPECT_EQ(set("5/min", hours(721)).problem, "an override lasts from 1 s to 30 days");
  EXPECT_EQ(set("5/min", Duration{}).problem, "an override lasts from 1 s to 30 days");
  EXPECT_EQ(set("5/min", hours(1), false, "messages/source", "Rely").problem,
            "no connector is called \"Rely\". Did you mean \"Relay\"? There are \"Relay\", "
            "\"Other\"");
  EXPECT_EQ(remove("messages/user").problem,
            "limit messages/user of \"Relay\" is not overridden. Overridden are messages/source of "
            "\"Relay\"");
  EXPECT_EQ(count(), 1200U);
  ASSERT_EQ(book().overrides.size(), 1U);
  EXPECT_EQ(book().overrides[0].value, "1200/min");
}

TEST_F(OverrideKeeperTest, ManyConnectorsAreNotAllNamed) {
  for (int i = 0; i < 30; ++i) connectors_.push_back(connector_named("c" + std::to_string(i)));
  const std::string said = set("5/min", hours(1), false, "messages/source", "zzzzzz").problem;
  EXPECT_TRUE(said.ends_with("\"c17\" and 12 more")) << said;
}

TEST_F(OverrideKeeperTest, RemovedIsTheFileAtOnce) {
  (void)set("1200/min");
  (void)set("5/min", hours(1), false, "messages/source", "Other");
  const OverrideAnswer answer = remove("Messages/Source");
  EXPECT_TRUE(answer.ok) << answer.problem;
  EXPECT_EQ(answer.before, "1200/min");
  EXPECT_EQ(answer.after, "600/min");
  EXPECT_EQ(count(), 0U);
  EXPECT_EQ(count("Other"), 5U);
}

TEST_F(OverrideKeeperTest, ExpiresOnTheMonotonicClock) {
  EXPECT_EQ(keeper_->time_left(clocks_.now), std::nullopt);
  (void)set("1200/min", hours(2));
  (void)set("9/min", hours(3), false, "recipients");
  clocks_.wall = clocks_.wall + hours(1000);  // somebody sets the clock
  EXPECT_FALSE(keeper_->expire(clocks_.now));
  EXPECT_EQ(keeper_->time_left(clocks_.now), hours(2));
  pass(hours(2) - milliseconds(1));
  EXPECT_FALSE(keeper_->expire(clocks_.now));
  pass(milliseconds(1));
  EXPECT_EQ(keeper_->time_left(clocks_.now), Duration{});
  EXPECT_TRUE(keeper_->expire(clocks_.now));
  EXPECT_FALSE(keeper_->expire(clocks_.now));
  limits_ = keeper_->apply(connectors_);
  EXPECT_EQ(count(), 600U);
  EXPECT_EQ(book().overrides.size(), 1U);
}

TEST_F(OverrideKeeperTest, ARestartKeepsWhatIsToBeKeptForTheTimeThatIsLeft) {
  (void)set("1200/min", hours(2), true);
  (void)set("9/min", hours(2), false, "recipients");
  (void)set("90/min", minutes(5), true, "commands");
  pass(minutes(30));
  clocks_.now = Instant{77};  // another boot
  restart(2);
  EXPECT_EQ(book().pid, 2);
  EXPECT_EQ(book().answer.id, "");
  limits_ = keeper_->apply(connectors_);
  ASSERT_EQ(book().overrides.size(), 1U);
  EXPECT_EQ(book().overrides[0].limit, "messages/source");
  EXPECT_EQ(count(), 1200U);
  EXPECT_EQ(keeper_->time_left(clocks_.now), minutes(90));
}

TEST_F(OverrideKeeperTest, AClockThatWasSetBackMakesNothingLastLonger) {
  (void)set("1200/min", hours(2), true);
  clocks_.wall = clocks_.wall + hours(-24 * 365);
  restart();
  EXPECT_TRUE(book().overrides.empty());
}

TEST_F(OverrideKeeperTest, StandsOnTopOfTheNewFile) {
  (void)set("1200/min");
  connectors_[0].limits[0].rate.count = 300;
  connectors_[0].limits[0].burst = 30;
  connectors_[0].limits[0].steps = {{policy::LimitAction::kClose, 100}};
  limits_ = keeper_->apply(connectors_);
  EXPECT_EQ(count(), 1200U);
  EXPECT_EQ(limits_["Relay"][0].burst, 120U);
  EXPECT_EQ(limits_["Relay"][0].steps[0].action, policy::LimitAction::kClose);
  EXPECT_EQ(book().overrides[0].was, "300/min with a burst of 30");
}

TEST_F(OverrideKeeperTest, WhatCannotStandOnTheNewFileIsDropped) {
  (void)set("1200/min");
  (void)set("50MB/min", hours(1), false, "bytes/source");
  (void)set("5/min", hours(1), false, "messages/source", "Other");
  connectors_[0].max_message_size = 100 << 20;
  connectors_.pop_back();
  limits_ = keeper_->apply(connectors_);
  ASSERT_EQ(book().overrides.size(), 1U);
  EXPECT_EQ(book().overrides[0].limit, "messages/source");
  EXPECT_EQ(count(), 1200U);
  EXPECT_FALSE(limits_.contains("Other"));
}

TEST_F(OverrideKeeperTest, ThereAreAtMostSoMany) {
  connectors_.clear();
  for (size_t i = 0; i <= OverrideKeeper::kOverridesMax; ++i)
    connectors_.push_back(connector_named("c" + std::to_string(i)));
  for (size_t i = 0; i < OverrideKeeper::kOverridesMax; ++i) {
    ASSERT_TRUE(set("5/min", hours(1), false, "messages/source", connectors_[i].name).ok);
  }
  EXPECT_EQ(set("5/min", hours(1), false, "messages/source", connectors_.back().name).problem,
            "256 limits are overridden already; remove one, or edit the configuration");
  EXPECT_TRUE(set("6/min", hours(1), false, "messages/source", "c0").ok) << "one that is there";
}

TEST_F(OverrideKeeperTest, ADamagedBookIsAnEmptyOne) {
  std::ofstream(override_path(folder_)) << "{\"version\":1,\"pid\":";
  restart();
  EXPECT_TRUE(book().overrides.empty());
  EXPECT_FALSE(override_book_from_json("{}"));
  EXPECT_FALSE(override_book_from_json("[1]"));
  EXPECT_FALSE(override_request_from_json("{\"version\":1,\"id\":7}"));
}

TEST_F(OverrideKeeperTest, ARequestThatIsNoneIsTakenAway) {
  std::ofstream(override_request_path(folder_)) << "nonsense";
  EXPECT_FALSE(keeper_->take_request(connectors_, clocks_));
  EXPECT_FALSE(fs::exists(override_request_path(folder_)));
  EXPECT_FALSE(keeper_->take_request(connectors_, clocks_));
}

TEST_F(OverrideKeeperTest, WhatCannotBeWrittenDownIsNotTaken) {
  OverrideRequest request;
  request.id = "1";
  request.wanted = {"Relay", "messages/source", "5/min", {}};
  request.time = hours(1);
  fs::remove(override_path(folder_));
  fs::create_directory(override_path(folder_));  // a file cannot be renamed over it
  ASSERT_TRUE(config::write_file(override_request_path(folder_), to_json(request)));
  EXPECT_FALSE(keeper_->take_request(connectors_, clocks_));
  EXPECT_TRUE(keeper_->apply(connectors_).empty());
  EXPECT_EQ(keeper_->time_left(clocks_.now), std::nullopt);
}

}  // namespace
}  // namespace relais::admin
