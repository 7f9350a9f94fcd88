#include "status.h"

#include <gtest/gtest.h>

#include "fake_server.h"
#include "millhand/v1/errors.pb.h"

namespace millhand::internal {
namespace {

using testing::refusal;

google::rpc::Status status_with(const google::protobuf::Message& detail, int code = grpc::StatusCode::INTERNAL) {
  google::rpc::Status status;
  status.set_code(code);
  status.add_details()->PackFrom(detail);
  return status;
}

google::rpc::ErrorInfo info(const std::string& reason, const std::string& domain = "millhand.v1") {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(domain);
  return info;
}

std::shared_ptr<const v1::Result> ended(v1::TaskStatus status, const google::rpc::ErrorInfo& why) {
  auto result = std::make_shared<v1::Result>();
  result->mutable_task()->set_id("t");
  result->mutable_task()->set_status(status);
  *result->mutable_error() = status_with(why);
  return result;
}

TEST(Status, EveryReasonOfTheContractHasAClassOfItsOwn) {
  for (int number = v1::ErrorReason_MIN + 1; number <= v1::ErrorReason_MAX; ++number) {
    const std::string name = v1::ErrorReason_Name(number).substr(std::string("ERROR_REASON_").size());
    // A code that no class stands for: only the reason can have told.
    const ErrorPtr error = error_from_status(status_with(info(name), grpc::StatusCode::DATA_LOSS));
    EXPECT_NE(typeid(*error), typeid(Error)) << name;
    EXPECT_EQ(error->reason(), name);
  }
}

TEST(Status, AReasonThatIsNewerThanThisClientFallsBackToItsCode) {
  const ErrorPtr error = error_from_status(status_with(info("TOMORROW"), grpc::StatusCode::NOT_FOUND));
  EXPECT_NE(dynamic_cast<const NotFound*>(error.get()), nullptr);
  EXPECT_EQ(error->reason(), "TOMORROW");
}

TEST(Status, AHandlersOwnReasonCannotPassForOneOfOurs) {
  const ErrorPtr error = error_from_status(status_with(info("QUEUE_FULL", "handler")));
  EXPECT_EQ(dynamic_cast<const QueueFull*>(error.get()), nullptr);
}

TEST(Status, DetailsBecomeFacts) {
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("task.priority");
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  google::rpc::Status status = status_with(bad);
  status.add_details()->PackFrom(retry);
  const ErrorPtr error = error_from_status(status);
  EXPECT_EQ(error->violations().at(0).field, "task.priority");
  EXPECT_EQ(error->retry_after(), std::chrono::milliseconds(500));
}

TEST(Status, AMangledTrailerDoesNotHideTheCode) {
  const grpc::Status mangled(grpc::StatusCode::UNAVAILABLE, "gone", "\xff\xff");
  EXPECT_THROW(error_from_call(mangled, "r")->raise(), Unavailable);
}

TEST(Status, AnErrorIsThrownAndSharedAsItsOwnClass) {
  const ErrorPtr error = error_from_call(refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, "QUEUE_FULL"), "r", "t");
  EXPECT_THROW(error->raise(), QueueFull);
  EXPECT_THROW(error->share()->raise(), QueueFull);
  EXPECT_EQ(error->request_id(), "r");
  EXPECT_EQ(error->metadata().at("task_id"), "t");
}

TEST(Status, TheEndOfATaskDecidesTheClassOfItsError) {
  EXPECT_EQ(error_from_result(ended(v1::TASK_STATUS_COMPLETED, {})), nullptr);
  EXPECT_THROW(error_from_result(ended(v1::TASK_STATUS_CANCELLED, info("TASK_CANCELLED")))->raise(), TaskCancelled);
  EXPECT_THROW(error_from_result(ended(v1::TASK_STATUS_CONTEXT_DEADLINE_REACHED, info("TASK_TIMEOUT")))->raise(),
               TaskTimedOut);
  EXPECT_THROW(error_from_result(ended(v1::TASK_STATUS_FAILED, info("WORKER_LOST")))->raise(), WorkerLost);
  const auto own = error_from_result(ended(v1::TASK_STATUS_FAILED, info("NO_PAPER", "handler")));
  EXPECT_THROW(own->raise(), TaskFailed);
  EXPECT_EQ(own->reason(), "NO_PAPER");
  EXPECT_EQ(own->task()->id(), "t");
}

}  // namespace
}  // namespace millhand::internal
