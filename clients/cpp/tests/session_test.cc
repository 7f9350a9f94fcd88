#include <gtest/gtest.h>
#include <millhand/millhand.h>

#include <atomic>

#include "fake_server.h"

namespace millhand {
namespace {

using namespace std::chrono_literals;
using testing::FakeServer;
using testing::FakeService;

// Answers a request as a server would, and gives a result for each task that it registers.
void answer(FakeService::Stream& stream, const v1::SessionRequest& request) {
  v1::SessionResponse response;
  response.set_request_id(request.request_id());
  if (request.has_hello()) {
    response.mutable_welcome()->set_credit(1000);
  } else if (request.has_subscribe()) {
    response.mutable_subscribed()->set_cursor("start");
  } else if (request.has_register_()) {
    for (const v1::TaskSpec& spec : request.register_().tasks()) {
      response.mutable_registered()->add_results()->mutable_task()->set_id(spec.id());
    }
    stream.Write(response);
    for (const v1::TaskSpec& spec : request.register_().tasks()) {
      v1::SessionResponse result;
      result.mutable_results()->add_results()->mutable_task()->set_id(spec.id());
      result.mutable_results()->set_cursor(spec.id());
      stream.Write(result);
    }
    return;
  }
  stream.Write(response);
}

grpc::Status serve(FakeService::Stream& stream) {
  v1::SessionRequest request;
  while (stream.Read(&request)) {
    answer(stream, request);
  }
  v1::SessionResponse goodbye;
  goodbye.mutable_goodbye()->set_reason(v1::END_REASON_COMPLETED);
  stream.Write(goodbye);
  return grpc::Status::OK;
}

TEST(Session, RegistersReadsAndEnds) {
  FakeServer server;
  server.service.session = serve;
  Client client(server.address);
  Session session = client.session();
  EXPECT_EQ(session.subscribe(), "start");
  const v1::Task task = session.register_task(task_spec("echo", 1));
  auto answers = session.register_soon({task_spec("echo", 2), task_spec("echo", 3)});
  EXPECT_EQ(answers.get().size(), 2U);
  session.finish();
  int results = 0;
  for (const Record& record : session) {
    results += std::holds_alternative<Result>(record) ? 1 : 0;
  }
  EXPECT_EQ(results, 3);
  EXPECT_THROW(session.register_task(task_spec("echo")), ClientClosed);
}

TEST(Session, SendsWhatIsUnansweredAgainWhenTheConnectionBreaks) {
  FakeServer server;
  std::atomic<int> connections = 0;
  std::string first;
  server.service.session = [&](FakeService::Stream& stream) {
    if (++connections > 1) {
      return serve(stream);
    }
    v1::SessionRequest request;
    while (stream.Read(&request)) {
      if (request.has_register_()) {
        first = request.register_().tasks(0).id();
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "lost");
      }
      answer(stream, request);
    }
    return grpc::Status::OK;
  };
  Client client(server.address);
  Session session = client.session();
  session.subscribe();
  EXPECT_EQ(session.register_task(task_spec("echo")).id(), first);
  EXPECT_EQ(connections, 2);
  session.close();
  EXPECT_TRUE(session.next());
  EXPECT_FALSE(session.next());
}

TEST(Session, FailsForWhoeverWaitsIfItCannotBegin) {
  FakeServer server;
  server.service.session = [](auto&) { return testing::refusal(grpc::StatusCode::UNAUTHENTICATED, "UNAUTHENTICATED"); };
  Client client(server.address);
  Session session = client.session();
  EXPECT_THROW(session.subscribe(), Unauthenticated);
  EXPECT_THROW(session.next(), Unauthenticated);
}

TEST(Session, HangsUpWhateverTheServerDoes) {
  FakeServer server;
  server.service.session = serve;
  Client client(server.address);
  Session session = client.session();
  session.subscribe();
  session.hang_up();
  EXPECT_FALSE(session.next());
}

TEST(Session, EndsWithItsStopToken) {
  FakeServer server;
  server.service.session = serve;
  Client client(server.address);
  std::stop_source stop;
  Session session = client.session({.stop = stop.get_token()});
  session.subscribe();
  stop.request_stop();
  EXPECT_THROW(session.next(), CallCancelled);
}

}  // namespace
}  // namespace millhand
