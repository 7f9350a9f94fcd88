// What the client throws. Branch on the class, on `code()` or on `reason()`; the text may change.
//
// Error
// ├── InvalidArgument: InvalidTaskId, InvalidTaskFunc, InvalidPayload, PayloadTooLarge, CursorInvalid
// ├── NotFound: TaskNotFound, QueueNotFound, ScheduleNotFound
// ├── AlreadyExists
// ├── FailedPrecondition: TaskAlreadyStarted, TaskCompleted, LeaseLost
// ├── ResourceExhausted: QueueFull, RateLimited, TooManyStreams, SlowReader
// ├── DeadlineExceeded: WaitTimedOut
// ├── Unavailable: Closing, StoreUnavailable
// ├── Unauthenticated, PermissionDenied, Unsupported, InternalError
// ├── TaskDidNotComplete: TaskFailed (HandlerFailed, WorkerLost), TaskCancelled, TaskTimedOut
// ├── UnexpectedOutput
// └── ResultsMissed, CallCancelled, ClientClosed
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "millhand/v1/task.pb.h"
#include "millhand/v1/task_service.pb.h"

namespace millhand {

/// One thing wrong with a request.
struct Violation {
  /// The path of the field, such as `tasks[3].payload.json.width`.
  std::string field;
  /// A sentence that says what to do.
  std::string description;
};

/// What an error knows.
struct ErrorFacts {
  /// The gRPC code of the answer; errors found before a call have the code that the server would give.
  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
  /// The stable name of the cause, as in errors.proto without its prefix. Empty when the refusal came from the
  /// transport or this client, and not from a Millhand server.
  std::string reason{};
  /// A sentence for a person.
  std::string message{};
  /// Facts about the cause, for instance `task_id`, `handler`, `queue`, `limit`.
  std::map<std::string, std::string> metadata{};
  /// The fields that are wrong; empty unless the input is at fault.
  std::vector<Violation> violations{};
  /// When the same call may succeed; unset when waiting does not help.
  std::optional<std::chrono::nanoseconds> retry_after{};
  /// What the server's log calls this call; empty for errors found before a call.
  std::string request_id{};
};

/// The root of all errors, and itself what an answer with an unknown code becomes. Cheap to copy.
class Error : public std::runtime_error {
 public:
  explicit Error(ErrorFacts facts);

  /// See ErrorFacts, for these.
  [[nodiscard]] grpc::StatusCode code() const noexcept { return facts_->code; }
  [[nodiscard]] const std::string& reason() const noexcept { return facts_->reason; }
  [[nodiscard]] const std::string& message() const noexcept { return facts_->message; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return facts_->metadata; }
  [[nodiscard]] const std::vector<Violation>& violations() const noexcept { return facts_->violations; }
  [[nodiscard]] std::optional<std::chrono::nanoseconds> retry_after() const noexcept { return facts_->retry_after; }
  [[nodiscard]] const std::string& request_id() const noexcept { return facts_->request_id; }
  [[nodiscard]] const ErrorFacts& facts() const noexcept { return *facts_; }

  /// Throws this error as what it is, also when it is held as an Error.
  [[noreturn]] virtual void raise() const { throw *this; }
  /// A copy of its class, to be kept.
  [[nodiscard]] virtual std::shared_ptr<const Error> share() const { return std::make_shared<const Error>(*this); }

 private:
  std::shared_ptr<const ErrorFacts> facts_;
};

/// An error that was not thrown but is part of an answer.
using ErrorPtr = std::shared_ptr<const Error>;

/// Makes `raise` throw, and `share` copy, the class itself.
template <class Self, class Base = Error>
class Raised : public Base {
 public:
  using Base::Base;
  [[nodiscard]] ErrorPtr share() const override {
    return std::make_shared<const Self>(static_cast<const Self&>(*this));
  }
  [[noreturn]] void raise() const override { throw static_cast<const Self&>(*this); }
};

/// A value is out of bounds, malformed or missing; `violations` name the fields.
struct InvalidArgument : Raised<InvalidArgument> {
  using Raised::Raised;
};
/// A task id is missing, too long or not printable.
struct InvalidTaskId : Raised<InvalidTaskId, InvalidArgument> {
  using Raised::Raised;
};
/// The server has no handler of that name; the message names those that it has.
struct InvalidTaskFunc : Raised<InvalidTaskFunc, InvalidArgument> {
  using Raised::Raised;
};
/// A payload cannot be sent as it is, or does not fit what the handler takes.
struct InvalidPayload : Raised<InvalidPayload, InvalidArgument> {
  using Raised::Raised;
};
/// A payload is larger than the server's `limits.max_payload_bytes`.
struct PayloadTooLarge : Raised<PayloadTooLarge, InvalidArgument> {
  using Raised::Raised;
};
/// A cursor is not one that this service ever gave.
struct CursorInvalid : Raised<CursorInvalid, InvalidArgument> {
  using Raised::Raised;
};

/// What was named does not exist, or no longer.
struct NotFound : Raised<NotFound> {
  using Raised::Raised;
};
/// No such task: never registered, or past its retention.
struct TaskNotFound : Raised<TaskNotFound, NotFound> {
  using Raised::Raised;
};
/// No such queue.
struct QueueNotFound : Raised<QueueNotFound, NotFound> {
  using Raised::Raised;
};
/// No such schedule.
struct ScheduleNotFound : Raised<ScheduleNotFound, NotFound> {
  using Raised::Raised;
};

/// The id or the idempotency key belongs to a task with other content.
struct AlreadyExists : Raised<AlreadyExists> {
  using Raised::Raised;
};

/// The task's status does not allow the operation.
struct FailedPrecondition : Raised<FailedPrecondition> {
  using Raised::Raised;
};
/// A task that is to be executed by id already runs.
struct TaskAlreadyStarted : Raised<TaskAlreadyStarted, FailedPrecondition> {
  using Raised::Raised;
};
/// A task that is to be executed by id is already final; `metadata` has its `status`.
struct TaskCompleted : Raised<TaskCompleted, FailedPrecondition> {
  using Raised::Raised;
};
/// A worker answered for a task that is no longer its own.
struct LeaseLost : Raised<LeaseLost, FailedPrecondition> {
  using Raised::Raised;
};

/// A limit is reached, of the server or of the transport (a message that is too large).
struct ResourceExhausted : Raised<ResourceExhausted> {
  using Raised::Raised;
};
/// The queue holds as many tasks as it may; `retry_after` says when to try again.
struct QueueFull : Raised<QueueFull, ResourceExhausted> {
  using Raised::Raised;
};
/// Too many calls; `retry_after` says when to try again.
struct RateLimited : Raised<RateLimited, ResourceExhausted> {
  using Raised::Raised;
};
/// The server has as many streams open as it may.
struct TooManyStreams : Raised<TooManyStreams, ResourceExhausted> {
  using Raised::Raised;
};
/// The server ended a stream whose reader did not keep up; reading on resumes it.
struct SlowReader : Raised<SlowReader, ResourceExhausted> {
  using Raised::Raised;
};

/// No answer came in time. What was asked for may have happened.
struct DeadlineExceeded : Raised<DeadlineExceeded> {
  using Raised::Raised;
};
/// The wait for a task is over, not the task: it goes on unless it was to be cancelled.
struct WaitTimedOut : Raised<WaitTimedOut, DeadlineExceeded> {
  using Raised::Raised;
};

/// The server cannot be reached or does not serve now.
struct Unavailable : Raised<Unavailable> {
  using Raised::Raised;
};
/// The server is shutting down.
struct Closing : Raised<Closing, Unavailable> {
  using Raised::Raised;
};
/// The server has lost its store for now.
struct StoreUnavailable : Raised<StoreUnavailable, Unavailable> {
  using Raised::Raised;
};

/// The token is missing or unknown.
struct Unauthenticated : Raised<Unauthenticated> {
  using Raised::Raised;
};
/// The token does not have the scope that the call needs.
struct PermissionDenied : Raised<PermissionDenied> {
  using Raised::Raised;
};
/// The server does not honour a field, a value or a call (yet); the message names it.
struct Unsupported : Raised<Unsupported> {
  using Raised::Raised;
};
/// A fault of the server; its log has more under `request_id`.
struct InternalError : Raised<InternalError> {
  using Raised::Raised;
};

/// A task ended without an output. `reason` and `message` are the handler's own where it gave them.
class TaskDidNotComplete : public Raised<TaskDidNotComplete> {
 public:
  using Raised::Raised;
  TaskDidNotComplete(ErrorFacts facts, std::shared_ptr<const v1::Result> result)
      : Raised(std::move(facts)), result_(std::move(result)) {}

  /// The whole result; null when a call was refused because the task had ended so before.
  [[nodiscard]] const v1::Result* result() const noexcept { return result_.get(); }
  /// The task as it ended; null as for `result`.
  [[nodiscard]] const v1::Task* task() const noexcept { return result_ ? &result_->task() : nullptr; }

 private:
  std::shared_ptr<const v1::Result> result_;
};
/// The task FAILED; a handler that raised `Fatal` gives its own `reason`.
struct TaskFailed : Raised<TaskFailed, TaskDidNotComplete> {
  using Raised::Raised;
};
/// The handler raised and no retry was left.
struct HandlerFailed : Raised<HandlerFailed, TaskFailed> {
  using Raised::Raised;
};
/// The task's worker died under it again and again.
struct WorkerLost : Raised<WorkerLost, TaskFailed> {
  using Raised::Raised;
};
/// The task was CANCELLED.
struct TaskCancelled : Raised<TaskCancelled, TaskDidNotComplete> {
  using Raised::Raised;
};
/// The task itself ran out of time (CONTEXT_DEADLINE_REACHED); `metadata` has which `timeout`.
struct TaskTimedOut : Raised<TaskTimedOut, TaskDidNotComplete> {
  using Raised::Raised;
};

/// An output is not of the kind that was asked for. The task completed: asking again gives the same.
struct UnexpectedOutput : Raised<UnexpectedOutput> {
  using Raised::Raised;
};

/// A reader that was asked to throw at a gap met one. Reading on goes on behind it.
class ResultsMissed : public Raised<ResultsMissed> {
 public:
  ResultsMissed(ErrorFacts facts, v1::Gap gap) : Raised(std::move(facts)), gap_(std::move(gap)) {}
  /// What cannot be given any more.
  [[nodiscard]] const v1::Gap& gap() const noexcept { return gap_; }

 private:
  v1::Gap gap_;
};

/// The call was cancelled on this side: by its stop token, or because the client was closed under it.
struct CallCancelled : Raised<CallCancelled> {
  using Raised::Raised;
};
/// The client or the session was closed before this was asked of it.
struct ClientClosed : Raised<ClientClosed> {
  using Raised::Raised;
};

}  // namespace millhand
