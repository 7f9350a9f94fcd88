#include <gtest/gtest.h>
#include <millhand/millhand.h>

#include <atomic>
#include <future>

#include "fake_server.h"

namespace millhand {
namespace {

using namespace std::chrono_literals;
using testing::FakeServer;
using testing::refusal;

const grpc::Status kLost(grpc::StatusCode::UNAVAILABLE, "lost");

std::string metadata_of(const grpc::ServerContext& context, const std::string& key) {
  const auto at = context.client_metadata().find(key);
  return at == context.client_metadata().end() ? "" : std::string(at->second.data(), at->second.size());
}

TEST(Client, RegistersUnderTheSameIdWhenTheAnswerIsLost) {
  FakeServer server;
  std::vector<std::string> ids;
  server.service.register_task = [&](auto&, const auto& request, auto& response) {
    ids.push_back(request.task().id());
    *response.mutable_task() = {};
    return ids.size() < 3 ? kLost : grpc::Status::OK;
  };
  Client(server.address).register_task("echo", 1);
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_FALSE(ids[0].empty());
  EXPECT_EQ(ids[0], ids[2]);
}

TEST(Client, LeavesTheIdToAnIdempotencyKey) {
  EXPECT_TRUE(task_spec("echo", {}, {.idempotency_key = "k"}).id().empty());
  EXPECT_FALSE(task_spec("echo").id().empty());
  EXPECT_EQ(task_spec("echo", {}, {.id = "mine"}).id(), "mine");
}

TEST(Client, DoesNotRepeatWhatMustNotHappenTwice) {
  FakeServer server;
  int calls = 0;
  server.service.cancel_all = [&](auto&...) {
    ++calls;
    return kLost;
  };
  EXPECT_THROW(Client(server.address).cancel_all(), Unavailable);
  EXPECT_EQ(calls, 1);
}

TEST(Client, SendsItsTokenAndARequestId) {
  FakeServer server;
  std::string token;
  std::string request_id;
  server.service.get = [&](auto& context, const auto&, auto&) {
    token = metadata_of(context, "authorization");
    request_id = metadata_of(context, "x-request-id");
    return refusal(grpc::StatusCode::NOT_FOUND, "TASK_NOT_FOUND");
  };
  Client client(server.address, {.token = "secret"});
  try {
    client.get("t");
    FAIL();
  } catch (const TaskNotFound& error) {
    EXPECT_EQ(token, "Bearer secret");
    EXPECT_EQ(error.request_id(), request_id);
  }
}

TEST(Client, ExecuteJoinsItsTaskAgainAfterTheServerHadTakenIt) {
  FakeServer server;
  std::vector<std::string> ids;
  server.service.execute = [&](auto& context, const auto& request, auto& response) {
    ids.push_back(request.task().id());
    if (ids.size() == 1) {
      context.AddInitialMetadata("millhand-task-id", request.task().id());
      context.set_compression_algorithm(GRPC_COMPRESS_NONE);
      return kLost;
    }
    response.mutable_result()->mutable_task()->set_status(v1::TASK_STATUS_COMPLETED);
    *response.mutable_result()->mutable_output() = to_payload("done");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Client(server.address).execute("echo").json(), "done");
  EXPECT_EQ(ids.at(0), ids.at(1));
}

TEST(Client, ExecuteWaitsForAFullQueueWithinItsPatience) {
  FakeServer server;
  int calls = 0;
  server.service.execute = [&](auto&, const auto&, auto& response) {
    response.mutable_result()->mutable_task()->set_status(v1::TASK_STATUS_COMPLETED);
    if (++calls > 1) {
      return grpc::Status::OK;
    }
    google::rpc::Status status;
    auto refused = refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL");
    status.ParseFromString(refused.error_details());
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(1'000'000);
    status.add_details()->PackFrom(retry);
    return grpc::Status(refused.error_code(), "full", status.SerializeAsString());
  };
  Client client(server.address);
  EXPECT_THROW(client.execute("echo"), QueueFull);
  calls = 0;
  client.execute("echo", {}, {}, {.retry_when_full = 5s});
  EXPECT_EQ(calls, 2);
}

TEST(Client, AStopTokenEndsTheWaitAndCancelsTheTaskOnlyIfAsked) {
  FakeServer server;
  std::promise<void> waiting;
  std::atomic<int> cancels = 0;
  server.service.execute = [&](auto& context, const auto&, auto&) {
    waiting.set_value();
    while (!context.IsCancelled()) {
      std::this_thread::yield();
    }
    return grpc::Status::CANCELLED;
  };
  server.service.cancel = [&](auto&...) {
    ++cancels;
    return grpc::Status::OK;
  };
  Client client(server.address);
  for (const bool ask : {false, true}) {
    waiting = {};
    std::stop_source stop;
    auto execution = std::async(std::launch::async, [&] {
      client.execute("sleep", {}, {}, {.cancel_on_stop = ask}, {.stop = stop.get_token()});
    });
    waiting.get_future().wait();
    stop.request_stop();
    EXPECT_THROW(execution.get(), CallCancelled);
    EXPECT_EQ(cancels, ask ? 1 : 0);
  }
}

TEST(Client, ACallsTimeoutIsItsDeadline) {
  FakeServer server;
  server.service.get = [](auto& context, const auto&, auto&) {
    while (!context.IsCancelled()) {
      std::this_thread::yield();
    }
    return grpc::Status::CANCELLED;
  };
  EXPECT_THROW(Client(server.address).get("t", false, {.timeout = 50ms}), DeadlineExceeded);
}

TEST(Client, RefusesCallsOnceClosed) {
  Client client("localhost:1");
  client.close();
  EXPECT_THROW(client.info(), ClientClosed);
}

TEST(Client, ListsOverAllPages) {
  FakeServer server;
  server.service.list = [](auto&, const auto& request, auto& response) {
    // The second page is empty and not the last.
    const std::string& token = request.page_token();
    if (token != "1") {
      response.add_tasks()->set_id(token.empty() ? "a" : "b");
    }
    response.set_next_page_token(token.empty() ? "1" : token == "1" ? "2" : "");
    return grpc::Status::OK;
  };
  Client client(server.address);
  std::string ids;
  for (const v1::Task& task : client.list()) {
    ids += task.id();
  }
  EXPECT_EQ(ids, "ab");
}

TEST(Client, AFilterThatIsGivenAndEmptyIsRefused) {
  Client client("localhost:1");
  EXPECT_THROW(client.cancel_all({.ids = std::vector<std::string>()}), InvalidArgument);
}

}  // namespace
}  // namespace millhand
