// What a caller reads. Tasks are the wire's own messages; a record exists where it adds a value or an error.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "millhand/errors.h"
#include "millhand/v1/task.pb.h"
#include "millhand/v1/task_service.pb.h"
#include "millhand/value.h"

namespace millhand {

/// How a task ended. Cheap to copy.
class Result {
 public:
  explicit Result(v1::Result message);

  [[nodiscard]] const v1::Task& task() const noexcept { return message_->task(); }
  [[nodiscard]] v1::TaskStatus status() const noexcept { return message_->task().status(); }
  /// Its place in the log: give it as `after` to go on behind it.
  [[nodiscard]] const std::string& cursor() const noexcept { return message_->cursor(); }
  /// What the handler returned; empty if the task did not complete.
  [[nodiscard]] Value output() const { return from_payload(message_->output()); }
  /// Why there is no output; null if the task completed.
  [[nodiscard]] const std::shared_ptr<const TaskDidNotComplete>& error() const noexcept { return error_; }
  /// The output. Throws `*error()` if there is none.
  [[nodiscard]] Value unwrap() const;
  /// The wire's own message.
  [[nodiscard]] const v1::Result& message() const noexcept { return *message_; }

 private:
  std::shared_ptr<const v1::Result> message_;
  std::shared_ptr<const TaskDidNotComplete> error_;
};

/// Results that cannot be given any more: trimmed, or of a log that was replaced.
struct Gap {
  v1::Gap message;
  /// Reading goes on behind this.
  std::string cursor;
};

/// How far a running task is.
struct Progress {
  v1::ProgressUpdate message;
};

/// A task that became CANCELLED, and its place in the log.
struct CancelledTask {
  v1::Task task;
  std::string cursor;
};

/// What readers and sessions give.
using Record = std::variant<Result, Gap, Progress>;
/// What a reader of cancelled tasks gives.
using CancelledRecord = std::variant<CancelledTask, Gap>;

/// What became of one task of a batch: either `task`, `created` unless it was known, or `error`.
struct Registered {
  std::optional<v1::Task> task{};
  bool created = false;
  ErrorPtr error{};
};

/// What came of a cancel, and the task after it.
struct CancelAnswer {
  v1::CancelOutcome outcome;
  v1::Task task;
};

/// What became of one id of a batch of cancels: `outcome`, or `error`.
struct CancelResult {
  std::string id;
  v1::CancelOutcome outcome;
  ErrorPtr error{};
};

/// How many tasks met which outcome; at most 1,000 ids of those that still ran when the wait was over.
struct CancelledAll {
  std::vector<v1::CancelCount> counts;
  std::vector<std::string> still_running_ids{};
};

/// `done` if no matching task was unfinished at one instant; `counts` is by status at the end.
struct Waited {
  bool done;
  std::vector<v1::StatusCount> counts;
};

/// A page of the log. `next_cursor` is never empty: ask again from there, also when the page is.
struct ResultsPage {
  std::vector<Result> results;
  std::string next_cursor;
  std::optional<Gap> gap{};
};

}  // namespace millhand
