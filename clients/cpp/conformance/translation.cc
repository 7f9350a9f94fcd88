#include "translation.h"

#include <cxxabi.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <typeinfo>

namespace millhand::conformance {
namespace {

Moment moment_of(const google::protobuf::Timestamp& timestamp) {
  return Moment(std::chrono::seconds(timestamp.seconds()) + std::chrono::nanoseconds(timestamp.nanos()));
}

template <class Field>
std::optional<std::vector<typename Field::value_type>> list_of(const Field& field) {
  if (field.empty()) {
    return std::nullopt;
  }
  return std::vector<typename Field::value_type>(field.begin(), field.end());
}

// The generated message in an Any, as a program that was compiled with its type has it.
std::unique_ptr<google::protobuf::Message> unpacked(const google::protobuf::Any& any) {
  const std::string name = any.type_url().substr(any.type_url().rfind('/') + 1);
  const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  const auto* prototype =
      descriptor == nullptr ? nullptr : google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
  if (prototype == nullptr) {
    throw std::runtime_error("this program does not know " + name);
  }
  std::unique_ptr<google::protobuf::Message> message(prototype->New());
  if (!any.UnpackTo(message.get())) {
    throw std::runtime_error("these bytes are no " + name);
  }
  return message;
}

std::string type_of(const Error& error) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : typeid(error).name();
}

}  // namespace

Duration duration_of(const google::protobuf::Duration& duration) {
  constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
  if (std::abs(duration.seconds()) >= kLongest) {
    return duration.seconds() < 0 ? Duration::min() : Duration::max();
  }
  return std::chrono::seconds(duration.seconds()) + std::chrono::nanoseconds(duration.nanos());
}

millhand::Value value_of(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kJson:
      return Json::parse(value.json());
    case v1::Value::kBlob:
      return Blob{value.blob().data(), value.blob().content_type()};
    case v1::Value::kMessage:
      return *unpacked(value.message());
    default:
      return {};
  }
}

millhand::Value payload_of(const v1::Task& task) {
  if (!task.integer().empty()) {
    return Json::parse(task.integer());
  }
  if (!task.not_a_number().empty()) {
    // "nan", "inf" and "-inf", as strtod reads them.
    return std::strtod(task.not_a_number().c_str(), nullptr);
  }
  return value_of(task.payload());
}

TaskOptions options_of(const millhand::v1::TaskSpec& spec) {
  TaskOptions options{.id = spec.id(),
                      .name = spec.name(),
                      .description = spec.description(),
                      .priority = spec.priority(),
                      .queue = spec.queue(),
                      .labels = {spec.labels().begin(), spec.labels().end()},
                      .idempotency_key = spec.idempotency_key(),
                      .fairness_key = spec.fairness_key(),
                      .correlation_id = spec.correlation_id(),
                      .traceparent = spec.traceparent()};
  if (spec.has_retries()) {
    options.retries = spec.retries();
  }
  if (spec.has_retry_policy()) {
    options.retry_policy = spec.retry_policy();
  }
  const auto set = [](std::optional<Duration>& option, bool has, const google::protobuf::Duration& duration) {
    if (has) {
      option = duration_of(duration);
    }
  };
  set(options.retry_delay, spec.has_retry_delay(), spec.retry_delay());
  set(options.attempt_timeout, spec.has_timeout(), spec.timeout());
  set(options.start_timeout, spec.has_start_timeout(), spec.start_timeout());
  set(options.heartbeat_timeout, spec.has_heartbeat_timeout(), spec.heartbeat_timeout());
  set(options.delay, spec.has_delay(), spec.delay());
  if (spec.has_deadline()) {
    options.deadline = moment_of(spec.deadline());
  }
  if (spec.has_run_at()) {
    options.run_at = moment_of(spec.run_at());
  }
  return options;
}

millhand::v1::TaskSpec spec_of(const v1::Task& task) {
  return task_spec(task.spec().handler(), payload_of(task), options_of(task.spec()));
}

std::vector<millhand::v1::TaskSpec> specs_of(const v1::RegisterMany& batch) {
  std::vector<millhand::v1::TaskSpec> specs;
  for (const v1::Task& task : batch.tasks()) {
    specs.push_back(spec_of(task));
  }
  return specs;
}

Filter filter_of(const millhand::v1::TaskFilter& filter) {
  Filter options{
      .ids = list_of(filter.ids()), .handlers = list_of(filter.handlers()), .queues = list_of(filter.queues())};
  if (!filter.statuses().empty()) {
    options.statuses.emplace();
    for (const int status : filter.statuses()) {
      options.statuses->push_back(static_cast<millhand::v1::TaskStatus>(status));
    }
  }
  if (!filter.labels().empty()) {
    options.labels.emplace(filter.labels().begin(), filter.labels().end());
  }
  if (!filter.correlation_id().empty()) {
    options.correlation_id = filter.correlation_id();
  }
  if (filter.has_created_after()) {
    options.created_after = moment_of(filter.created_after());
  }
  if (filter.has_created_before()) {
    options.created_before = moment_of(filter.created_before());
  }
  return options;
}

SubscribeOptions options_of(const millhand::v1::SessionSubscribe& subscribe) {
  return {.everyone = subscribe.scope() == millhand::v1::SUBSCRIBE_SCOPE_FILTER,
          .filter = filter_of(subscribe.filter()),
          .after = subscribe.after(),
          .include_progress = subscribe.include_progress(),
          .full = subscribe.view() == millhand::v1::TASK_VIEW_FULL};
}

v1::Value message_of(const millhand::Value& value) {
  v1::Value message;
  if (value.is_json()) {
    message.set_json(value.json().dump());
  } else if (value.is_blob()) {
    message.mutable_blob()->set_data(value.blob().data);
    message.mutable_blob()->set_content_type(value.blob().content_type);
  } else if (value.is_message()) {
    *message.mutable_message() = value.any();
  }
  return message;
}

v1::Failure message_of(const Error& error) {
  v1::Failure failure;
  failure.set_type(type_of(error));
  failure.set_code(error.code());
  failure.set_reason(error.reason());
  failure.set_message(error.message());
  failure.mutable_metadata()->insert(error.metadata().begin(), error.metadata().end());
  for (const Violation& violation : error.violations()) {
    failure.add_violations()->set_field(violation.field);
    failure.mutable_violations()->rbegin()->set_description(violation.description);
  }
  if (const auto after = error.retry_after()) {
    failure.mutable_retry_after()->set_seconds(after->count() / 1'000'000'000);
    failure.mutable_retry_after()->set_nanos(static_cast<std::int32_t>(after->count() % 1'000'000'000));
  }
  if (const auto* end = dynamic_cast<const TaskDidNotComplete*>(&error); end != nullptr && end->task() != nullptr) {
    *failure.mutable_task() = *end->task();
  }
  return failure;
}

v1::Registered message_of(const Registered& registered) {
  v1::Registered message;
  message.set_created(registered.created);
  if (registered.task) {
    *message.mutable_task() = *registered.task;
  }
  if (registered.error != nullptr) {
    *message.mutable_failure() = message_of(*registered.error);
  }
  return message;
}

v1::Result message_of(const Result& result, bool brief) {
  v1::Result message;
  *message.mutable_task() = result.task();
  message.set_cursor(result.cursor());
  if (result.error() != nullptr) {
    *message.mutable_failure() = message_of(*result.error());
  } else if (!brief) {
    *message.mutable_output() = message_of(result.output());
  }
  return message;
}

}  // namespace millhand::conformance
