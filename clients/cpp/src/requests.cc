#include "requests.h"

#include <fstream>
#include <iterator>
#include <system_error>

#include "status.h"
#include "wire.h"

namespace millhand {
namespace internal {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

template <class Given, class Set>
void require_filled(const char* field, const std::optional<Given>& given, Set set_field) {
  if (!given) {
    return;
  }
  if (given->empty()) {
    throw refused("INVALID_ARGUMENT", field, "is empty, which would match every task: leave it out to mean that");
  }
  set_field(*given);
}

}  // namespace

void set(google::protobuf::Duration& target, Duration value) {
  target.set_seconds(value.count() / kNanosPerSecond);
  target.set_nanos(static_cast<std::int32_t>(value.count() % kNanosPerSecond));
}

void set(google::protobuf::Timestamp& target, Moment value) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(value);
  target.set_seconds(whole.time_since_epoch().count());
  target.set_nanos(static_cast<std::int32_t>((value - whole).count()));
}

v1::TaskView view(bool full) { return full ? v1::TASK_VIEW_FULL : v1::TASK_VIEW_BASIC; }

void set(v1::TaskFilter& target, const Filter& filter) {
  require_filled("ids", filter.ids, [&](const auto& ids) { target.mutable_ids()->Assign(ids.begin(), ids.end()); });
  require_filled("handlers", filter.handlers,
                 [&](const auto& names) { target.mutable_handlers()->Assign(names.begin(), names.end()); });
  require_filled("queues", filter.queues,
                 [&](const auto& names) { target.mutable_queues()->Assign(names.begin(), names.end()); });
  require_filled("statuses", filter.statuses,
                 [&](const auto& statuses) { target.mutable_statuses()->Assign(statuses.begin(), statuses.end()); });
  require_filled("labels", filter.labels,
                 [&](const auto& labels) { target.mutable_labels()->insert(labels.begin(), labels.end()); });
  require_filled("correlation_id", filter.correlation_id, [&](const auto& id) { target.set_correlation_id(id); });
  if (filter.created_after) {
    set(*target.mutable_created_after(), *filter.created_after);
  }
  if (filter.created_before) {
    set(*target.mutable_created_before(), *filter.created_before);
  }
}

void name(v1::TaskSpec& spec) {
  if (spec.id().empty() && spec.idempotency_key().empty()) {
    spec.set_id(new_id());
  }
}

Registered registered_of(v1::RegisterResult result) {
  if (result.has_error()) {
    return {.error = error_from_status(result.error())};
  }
  if (!result.has_task()) {
    const auto incomplete =
        local<InternalError>(grpc::StatusCode::INTERNAL, "the answer has neither a task nor an error");
    return {.error = std::make_shared<const InternalError>(incomplete)};
  }
  const bool created = result.created();
  return {.task = std::move(*result.mutable_task()), .created = created};
}

CancelResult cancel_result_of(const v1::CancelResult& result) {
  return {.id = result.id(),
          .outcome = result.outcome(),
          .error = result.has_error() ? error_from_status(result.error()) : nullptr};
}

Gap gap_of(const v1::Gap& gap, const std::string& cursor) { return {gap, cursor.empty() ? gap.to_cursor() : cursor}; }

}  // namespace internal

Result::Result(v1::Result message)
    : message_(std::make_shared<const v1::Result>(std::move(message))), error_(internal::error_from_result(message_)) {}

Value Result::unwrap() const {
  if (error_ != nullptr) {
    error_->raise();
  }
  return output();
}

v1::TaskSpec task_spec(std::string handler, const Value& payload, const TaskOptions& options) {
  using internal::set;
  if (options.run_at && options.delay) {
    throw internal::refused("INVALID_ARGUMENT", "run_at", "give run_at or delay, not both");
  }
  v1::TaskSpec spec;
  spec.set_handler(std::move(handler));
  if (!payload.empty()) {
    *spec.mutable_payload() = to_payload(payload);
  }
  spec.set_id(options.id);
  spec.set_name(options.name);
  spec.set_description(options.description);
  spec.set_priority(options.priority);
  spec.set_queue(options.queue);
  spec.mutable_labels()->insert(options.labels.begin(), options.labels.end());
  spec.set_idempotency_key(options.idempotency_key);
  spec.set_fairness_key(options.fairness_key);
  spec.set_correlation_id(options.correlation_id);
  spec.set_traceparent(options.traceparent);
  if (options.retries) {
    spec.set_retries(*options.retries);
  }
  if (options.retry_delay) {
    set(*spec.mutable_retry_delay(), *options.retry_delay);
  }
  if (options.retry_policy) {
    *spec.mutable_retry_policy() = *options.retry_policy;
  }
  if (options.attempt_timeout) {
    set(*spec.mutable_timeout(), *options.attempt_timeout);
  }
  if (options.start_timeout) {
    set(*spec.mutable_start_timeout(), *options.start_timeout);
  }
  if (options.heartbeat_timeout) {
    set(*spec.mutable_heartbeat_timeout(), *options.heartbeat_timeout);
  }
  if (options.deadline) {
    set(*spec.mutable_deadline(), *options.deadline);
  }
  if (options.run_at) {
    set(*spec.mutable_run_at(), *options.run_at);
  }
  if (options.delay) {
    set(*spec.mutable_delay(), *options.delay);
  }
  internal::name(spec);
  return spec;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  return content;
}

}  // namespace millhand
