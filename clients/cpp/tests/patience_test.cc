#include "patience.h"

#include <gtest/gtest.h>

#include "status.h"

namespace millhand::internal {
namespace {

using namespace std::chrono_literals;

const Clock::time_point kNow{};

Unavailable lost() { return local<Unavailable>(grpc::StatusCode::UNAVAILABLE, "lost"); }

QueueFull full(std::optional<Duration> advised) {
  return QueueFull({.code = grpc::StatusCode::RESOURCE_EXHAUSTED, .reason = "QUEUE_FULL", .retry_after = advised});
}

TEST(Reconnect, AStreamThatNeverBeganFailsLikeAnyCall) {
  Reconnect reconnect(120s);
  EXPECT_THROW(reconnect.delay_after(lost(), kNow), Unavailable);
}

TEST(Reconnect, OneThatBeganIsTriedAgainUntilPatienceIsOver) {
  Reconnect reconnect(10s);
  reconnect.progressed();
  EXPECT_LE(reconnect.delay_after(lost(), kNow), 100ms);
  EXPECT_LE(reconnect.delay_after(lost(), kNow + 9s), 200ms);
  EXPECT_THROW(reconnect.delay_after(lost(), kNow + 10s), Unavailable);
  reconnect.progressed();
  EXPECT_LE(reconnect.delay_after(lost(), kNow + 20s), 100ms);
}

TEST(Reconnect, WhatWillNotPassIsNotTriedAgain) {
  Reconnect reconnect(120s);
  reconnect.progressed();
  EXPECT_THROW(reconnect.delay_after(local<SlowReader>(grpc::StatusCode::RESOURCE_EXHAUSTED, ""), kNow), SlowReader);
}

TEST(Reconnect, DelaysAreNeverShorterThanAdvised) {
  Reconnect reconnect(std::nullopt);
  reconnect.progressed();
  const TooManyStreams refusal({.code = grpc::StatusCode::RESOURCE_EXHAUSTED, .retry_after = 7s});
  EXPECT_EQ(reconnect.delay_after(refusal, kNow), 7s);
}

TEST(FullQueue, IsNotTriedAgainUnlessAsked) {
  EXPECT_EQ(FullQueue(std::nullopt, kNow).delay_after(full(1s), kNow), std::nullopt);
}

TEST(FullQueue, IsTriedAgainAfterTheAdviceAndNeverAfterPatience) {
  const FullQueue patience(10s, kNow);
  const auto delay = patience.delay_after(full(2s), kNow);
  ASSERT_TRUE(delay);
  EXPECT_GE(*delay, 2s);
  EXPECT_LE(*delay, 3s);
  EXPECT_EQ(patience.delay_after(full(2s), kNow + 9s), std::nullopt);
}

TEST(RegisterAll, SendsOnlyTheRefusedAgainAndKeepsTheOrder) {
  std::vector<std::vector<std::string>> sent;
  const auto send = [&](const std::vector<v1::TaskSpec>& specs) {
    std::vector<Registered> answers;
    sent.emplace_back();
    for (const v1::TaskSpec& spec : specs) {
      sent.back().push_back(spec.id());
      Registered answer;
      if (spec.name() == "late" && sent.size() == 1) {
        answer.error = full(1ms).share();
      } else {
        answer.task.emplace().set_id(spec.id());
      }
      answers.push_back(std::move(answer));
    }
    return answers;
  };
  std::vector<v1::TaskSpec> specs(3);
  specs[1].set_name("late");
  const auto answers = register_all(specs, FullQueue(1h, Clock::now()), send, [](Duration) {});
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[1], std::vector{sent[0][1]});
  EXPECT_EQ(answers[1].task->id(), sent[0][1]);
  EXPECT_EQ(answers[2].task->id(), sent[0][2]);
}

}  // namespace
}  // namespace millhand::internal
