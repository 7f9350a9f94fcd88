#include "status.h"

#include <functional>
#include <map>

#include "google/rpc/error_details.pb.h"
#include "millhand/v1/errors.pb.h"

namespace millhand::internal {
namespace {

// The domain of the reasons that are ours; a handler's own have another and cannot pass for them.
constexpr const char* kDomain = "millhand.v1";
constexpr const char* kPrefix = "ERROR_REASON_";

using Make = std::function<ErrorPtr(ErrorFacts)>;

template <class Kind>
ErrorPtr make(ErrorFacts facts) {
  return std::make_shared<const Kind>(std::move(facts));
}

// Every reason has its class; the two reasons that a call and an ended task share stand for the call here.
const std::map<int, Make>& makers_by_reason() {
  static const auto* makers = new std::map<int, Make>{
      {v1::ERROR_REASON_INVALID_ARGUMENT, make<InvalidArgument>},
      {v1::ERROR_REASON_INVALID_TASK_ID, make<InvalidTaskId>},
      {v1::ERROR_REASON_INVALID_TASK_FUNC, make<InvalidTaskFunc>},
      {v1::ERROR_REASON_INVALID_PAYLOAD, make<InvalidPayload>},
      {v1::ERROR_REASON_PAYLOAD_TOO_LARGE, make<PayloadTooLarge>},
      {v1::ERROR_REASON_CURSOR_INVALID, make<CursorInvalid>},
      {v1::ERROR_REASON_TASK_NOT_FOUND, make<TaskNotFound>},
      {v1::ERROR_REASON_QUEUE_NOT_FOUND, make<QueueNotFound>},
      {v1::ERROR_REASON_SCHEDULE_NOT_FOUND, make<ScheduleNotFound>},
      {v1::ERROR_REASON_ALREADY_EXISTS, make<AlreadyExists>},
      {v1::ERROR_REASON_TASK_ALREADY_STARTED, make<TaskAlreadyStarted>},
      {v1::ERROR_REASON_TASK_COMPLETED, make<TaskCompleted>},
      {v1::ERROR_REASON_TASK_CANCELLED, make<TaskCancelled>},
      {v1::ERROR_REASON_TASK_TIMEOUT, make<WaitTimedOut>},
      {v1::ERROR_REASON_HANDLER_FAILED, make<HandlerFailed>},
      {v1::ERROR_REASON_WORKER_LOST, make<WorkerLost>},
      {v1::ERROR_REASON_LEASE_LOST, make<LeaseLost>},
      {v1::ERROR_REASON_QUEUE_FULL, make<QueueFull>},
      {v1::ERROR_REASON_RATE_LIMITED, make<RateLimited>},
      {v1::ERROR_REASON_TOO_MANY_STREAMS, make<TooManyStreams>},
      {v1::ERROR_REASON_SLOW_READER, make<SlowReader>},
      {v1::ERROR_REASON_CLOSING, make<Closing>},
      {v1::ERROR_REASON_STORE_UNAVAILABLE, make<StoreUnavailable>},
      {v1::ERROR_REASON_UNAUTHENTICATED, make<Unauthenticated>},
      {v1::ERROR_REASON_PERMISSION_DENIED, make<PermissionDenied>},
      {v1::ERROR_REASON_UNSUPPORTED, make<Unsupported>},
      {v1::ERROR_REASON_INTERNAL, make<InternalError>},
  };
  return *makers;
}

// What stands in for a reason that is newer than this client, or for a refusal by the transport itself.
ErrorPtr error_by_code(ErrorFacts facts) {
  switch (facts.code) {
    case grpc::StatusCode::CANCELLED:
      return make<CallCancelled>(std::move(facts));
    case grpc::StatusCode::INVALID_ARGUMENT:
      return make<InvalidArgument>(std::move(facts));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return make<DeadlineExceeded>(std::move(facts));
    case grpc::StatusCode::NOT_FOUND:
      return make<NotFound>(std::move(facts));
    case grpc::StatusCode::ALREADY_EXISTS:
      return make<AlreadyExists>(std::move(facts));
    case grpc::StatusCode::PERMISSION_DENIED:
      return make<PermissionDenied>(std::move(facts));
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return make<ResourceExhausted>(std::move(facts));
    case grpc::StatusCode::FAILED_PRECONDITION:
      return make<FailedPrecondition>(std::move(facts));
    case grpc::StatusCode::UNIMPLEMENTED:
      return make<Unsupported>(std::move(facts));
    case grpc::StatusCode::INTERNAL:
      return make<InternalError>(std::move(facts));
    case grpc::StatusCode::UNAVAILABLE:
      return make<Unavailable>(std::move(facts));
    case grpc::StatusCode::UNAUTHENTICATED:
      return make<Unauthenticated>(std::move(facts));
    default:
      return make<Error>(std::move(facts));
  }
}

template <class Detail>
std::optional<Detail> detail_of(const google::rpc::Status& status) {
  Detail detail;
  for (const google::protobuf::Any& packed : status.details()) {
    if (packed.Is<Detail>() && packed.UnpackTo(&detail)) {
      return detail;
    }
  }
  return std::nullopt;
}

grpc::StatusCode code_of(int number) {
  const bool known = number >= grpc::StatusCode::OK && number <= grpc::StatusCode::UNAUTHENTICATED;
  return known ? static_cast<grpc::StatusCode>(number) : grpc::StatusCode::UNKNOWN;
}

struct Known {
  ErrorFacts facts;
  // 0 unless the reason is one of ours.
  int reason = v1::ERROR_REASON_UNSPECIFIED;
};

Known known_of(const google::rpc::Status& status) {
  Known known;
  known.facts.code = code_of(status.code());
  known.facts.message = status.message();
  if (const auto info = detail_of<google::rpc::ErrorInfo>(status)) {
    known.facts.reason = info->reason();
    known.facts.metadata = {info->metadata().begin(), info->metadata().end()};
    v1::ErrorReason reason{};
    if (info->domain() == kDomain && v1::ErrorReason_Parse(kPrefix + info->reason(), &reason)) {
      known.reason = reason;
    }
  }
  if (const auto bad_request = detail_of<google::rpc::BadRequest>(status)) {
    for (const auto& violation : bad_request->field_violations()) {
      known.facts.violations.push_back({violation.field(), violation.description()});
    }
  }
  if (const auto retry = detail_of<google::rpc::RetryInfo>(status)) {
    known.facts.retry_after =
        std::chrono::seconds(retry->retry_delay().seconds()) + std::chrono::nanoseconds(retry->retry_delay().nanos());
  }
  return known;
}

ErrorPtr error_of_known(Known known) {
  const auto maker = makers_by_reason().find(known.reason);
  return maker == makers_by_reason().end() ? error_by_code(std::move(known.facts))
                                           : maker->second(std::move(known.facts));
}

}  // namespace

ErrorPtr error_from_call(const grpc::Status& status, const std::string& request_id, const std::string& task_id) {
  Known known;
  google::rpc::Status details;
  // A proxy's mangled trailer must not hide the code, which came on its own.
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    known = known_of(details);
  } else {
    known.facts.code = status.error_code();
    known.facts.message = status.error_message();
  }
  known.facts.request_id = request_id;
  if (!task_id.empty()) {
    known.facts.metadata.emplace("task_id", task_id);
  }
  return error_of_known(std::move(known));
}

ErrorPtr error_from_status(const google::rpc::Status& status) { return error_of_known(known_of(status)); }

std::shared_ptr<const TaskDidNotComplete> error_from_result(const std::shared_ptr<const v1::Result>& result) {
  const v1::TaskStatus end = result->task().status();
  if (end != v1::TASK_STATUS_CANCELLED && end != v1::TASK_STATUS_CONTEXT_DEADLINE_REACHED &&
      end != v1::TASK_STATUS_FAILED) {
    return nullptr;
  }
  Known known = known_of(result->has_error() ? result->error() : result->task().error());
  known.facts.metadata.emplace("task_id", result->task().id());
  if (end == v1::TASK_STATUS_CANCELLED) {
    return std::make_shared<const TaskCancelled>(std::move(known.facts), result);
  }
  if (end == v1::TASK_STATUS_CONTEXT_DEADLINE_REACHED) {
    return std::make_shared<const TaskTimedOut>(std::move(known.facts), result);
  }
  switch (known.reason) {
    case v1::ERROR_REASON_HANDLER_FAILED:
      return std::make_shared<const HandlerFailed>(std::move(known.facts), result);
    case v1::ERROR_REASON_WORKER_LOST:
      return std::make_shared<const WorkerLost>(std::move(known.facts), result);
    default:
      return std::make_shared<const TaskFailed>(std::move(known.facts), result);
  }
}

}  // namespace millhand::internal
