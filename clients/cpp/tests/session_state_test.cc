#include "session_state.h"

#include <gtest/gtest.h>

namespace millhand::internal {
namespace {

v1::SessionResponse results(const std::vector<std::string>& ids, const std::string& cursor) {
  v1::SessionResponse response;
  response.mutable_results()->set_cursor(cursor);
  for (const std::string& id : ids) {
    response.mutable_results()->add_results()->mutable_task()->set_id(id);
  }
  return response;
}

v1::SessionResponse goodbye(v1::EndReason reason) {
  v1::SessionResponse response;
  response.mutable_goodbye()->set_reason(reason);
  return response;
}

v1::SessionRequest subscribed(SessionState& state) {
  v1::SessionRequest request;
  request.mutable_subscribe();
  request = state.request(request);
  v1::SessionResponse response;
  response.set_request_id(request.request_id());
  response.mutable_subscribed()->set_cursor("start");
  state.receive(response);
  return request;
}

std::string id_of(const std::optional<Record>& record) {
  return record ? std::get<Result>(*record).task().id() : "nothing";
}

TEST(SessionState, TheCursorMovesWhenAWholeFrameHasBeenRead) {
  SessionState state("s", "");
  subscribed(state);
  state.receive(results({"a", "b"}, "1"));
  EXPECT_EQ(id_of(state.next()), "a");
  EXPECT_EQ(state.cursor(), "start");
  EXPECT_EQ(id_of(state.next()), "b");
  EXPECT_EQ(state.cursor(), "1");
}

TEST(SessionState, AReconnectGivesTheUnreadAgainAndNothingTwice) {
  SessionState state("s", "");
  subscribed(state);
  state.receive(results({"a", "b"}, "1"));
  EXPECT_EQ(id_of(state.next()), "a");
  const auto opening = state.opening();
  ASSERT_EQ(opening.size(), 2U);
  EXPECT_EQ(opening[0].hello().session_id(), "s");
  EXPECT_EQ(opening[1].subscribe().after(), "start");
  state.receive(results({"a", "b"}, "1"));
  EXPECT_EQ(id_of(state.next()), "b");
  EXPECT_EQ(id_of(state.next()), "nothing");
}

TEST(SessionState, UnansweredRequestsAreSentAgainInTheirOrder) {
  SessionState state("s", "");
  for (int i = 0; i < 12; ++i) {
    v1::SessionRequest request;
    request.mutable_cancel();
    state.request(request);
  }
  const auto opening = state.opening();
  ASSERT_EQ(opening.size(), 13U);
  EXPECT_EQ(opening[2].request_id(), "2");
  EXPECT_EQ(opening[10].request_id(), "10");
}

TEST(SessionState, TasksThatOthersRegisteredFirstAreRegisteredAgain) {
  SessionState state("s", "");
  v1::SessionRequest request;
  request.mutable_register_()->add_tasks()->set_id("t");
  request = state.request(request);
  v1::SessionResponse response;
  response.set_request_id(request.request_id());
  response.mutable_registered()->add_results()->mutable_task()->set_id("t");
  state.receive(response);
  EXPECT_EQ(state.opening().at(1).register_().tasks(0).id(), "t");
  state.receive(results({"t"}, "1"));
  state.next();
  EXPECT_EQ(state.opening().size(), 1U);
}

TEST(SessionState, CreditGoesOutWhenHalfOfItWasRead) {
  SessionState state("s", "");
  v1::SessionResponse welcome;
  welcome.mutable_welcome()->set_credit(4);
  state.receive(welcome);
  state.receive(results({"a", "b"}, "1"));
  state.next();
  EXPECT_FALSE(state.credit_due());
  state.next();
  EXPECT_EQ(state.credit_due()->credit().results(), 2);
  EXPECT_FALSE(state.credit_due());
}

TEST(SessionState, AnUnreadProgressIsReplacedByALaterOne) {
  SessionState state("s", "");
  for (const double fraction : {0.1, 0.2}) {
    v1::SessionResponse response;
    response.mutable_progress()->set_task_id("t");
    response.mutable_progress()->mutable_progress()->set_fraction(fraction);
    state.receive(response);
  }
  EXPECT_EQ(std::get<Progress>(*state.next()).message.progress().fraction(), 0.2);
  EXPECT_FALSE(state.next());
}

TEST(SessionState, GoodbyesTellHowItGoesOn) {
  SessionState state("s", "");
  EXPECT_THROW(state.receive(goodbye(v1::END_REASON_SHUTDOWN)), Closing);
  EXPECT_THROW(state.receive(goodbye(v1::END_REASON_SLOW_READER)), SlowReader);
  state.receive(goodbye(v1::END_REASON_CREDIT_SPENT));
  EXPECT_TRUE(state.starved());
  EXPECT_FALSE(state.done());
  state.receive(goodbye(v1::END_REASON_COMPLETED));
  EXPECT_TRUE(state.done());
  EXPECT_THROW(state.request({}), ClientClosed);
}

TEST(SessionState, WhatIsNewerThanThisClientDoesNoHarm) {
  SessionState state("s", "");
  EXPECT_FALSE(state.receive({}));
  EXPECT_FALSE(state.receive(goodbye(static_cast<v1::EndReason>(99))));
  EXPECT_TRUE(state.done());
}

}  // namespace
}  // namespace millhand::internal
