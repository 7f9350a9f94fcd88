#include "millhand/client.h"

#include "live_session.h"
#include "log_reading.h"
#include "patience.h"
#include "requests.h"
#include "wire.h"

namespace millhand {
namespace {

using Stub = v1::TaskService::StubInterface;
using internal::Clock;
using internal::Limits;
using internal::Wire;

// How long a caller whose wait was broken off is held up for the sake of cancelling its task.
constexpr Duration kCancelDeadline = std::chrono::seconds(2);

// One execution: from the call to the result, over lost connections and full queues.
class Execution {
 public:
  Execution(Wire& wire, v1::ExecuteTaskRequest request, const WaitOptions& wait, const CallOptions& call)
      : wire_(wire),
        request_(std::move(request)),
        call_(call),
        give_up_at_(internal::deadline_after(wait.timeout)),
        limits_{.deadline = internal::deadline_after(call.timeout), .stop = call.stop},
        reconnect_(wire.options().reconnect_timeout),
        full_queue_(patience_of(wait), Clock::now()) {
    if (wait.cancel_on_timeout) {
      request_.set_on_timeout(v1::ON_TIMEOUT_CANCEL);
    }
    cancel_on_stop_ = wait.cancel_on_stop;
  }

  Result run() {
    try {
      while (true) {
        const auto [result, delay] = attempt();
        if (result) {
          return *result;
        }
        wire_.pause(delay, limits_);
      }
    } catch (const CallCancelled&) {
      if (cancel_on_stop_) {
        cancel_task();
      }
      throw;
    }
  }

 private:
  struct Outcome {
    std::optional<Result> result;
    Duration delay{};
  };

  static std::optional<Duration> patience_of(const WaitOptions& wait) {
    return wait.retry_when_full && wait.timeout ? std::min(*wait.retry_when_full, *wait.timeout) : wait.retry_when_full;
  }

  Outcome attempt() {
    try {
      auto response = wire_.call(&Stub::ExecuteTask, request_, bounded());
      return {Result(std::move(*response.mutable_result()))};
    } catch (const QueueFull& full) {
      const auto delay = full_queue_.delay_after(full, Clock::now());
      if (!delay) {
        throw;
      }
      return {std::nullopt, *delay};
    } catch (const Unavailable& lost) {
      if (lost.metadata().contains("task_id")) {
        // The server had taken the task before the connection broke.
        reconnect_.progressed();
      }
      return {std::nullopt, reconnect_.delay_after(lost, Clock::now())};
    }
  }

  // The wait that is left goes into the request; the call's own deadline is behind it, so that the server's answer
  // arrives first.
  Limits bounded() {
    Limits limits = limits_;
    if (give_up_at_) {
      const Duration left =
          std::max(std::chrono::duration_cast<Duration>(*give_up_at_ - Clock::now()), Duration::zero());
      internal::set(*request_.mutable_timeout(), left);
      if (!call_.timeout) {
        limits.deadline = wire_.limits({}, left).deadline;
      }
    }
    return limits;
  }

  void cancel_task() {
    v1::CancelTaskRequest request;
    request.set_id(request_.has_task() ? request_.task().id() : request_.id());
    request.set_reason("the caller stopped waiting");
    if (!request.id().empty()) {
      wire_.call(&Stub::CancelTask, request, {.deadline = internal::deadline_after(kCancelDeadline)});
    }
  }

  Wire& wire_;
  v1::ExecuteTaskRequest request_;
  CallOptions call_;
  internal::Deadline give_up_at_;
  Limits limits_;
  internal::Reconnect reconnect_;
  internal::FullQueue full_queue_;
  bool cancel_on_stop_ = false;
};

std::vector<Registered> registered_of(v1::RegisterTasksResponse response) {
  std::vector<Registered> answers;
  answers.reserve(response.results_size());
  for (v1::RegisterResult& result : *response.mutable_results()) {
    answers.push_back(internal::registered_of(std::move(result)));
  }
  return answers;
}

template <class Response>
std::vector<v1::Task> tasks_of(Response& response) {
  return {std::make_move_iterator(response.mutable_tasks()->begin()),
          std::make_move_iterator(response.mutable_tasks()->end())};
}

}  // namespace

std::optional<v1::Task> TaskList::next() {
  // A page may be empty and not the last.
  while (read_ == page_.size() && !last_) {
    page_ = fetch_(token_);
    read_ = 0;
    last_ = token_.empty();
  }
  return read_ < page_.size() ? std::optional(std::move(page_[read_++])) : std::nullopt;
}

Client::Client(const std::string& address, const ClientOptions& options)
    : wire_(std::make_shared<Wire>(address, options)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() {
  if (wire_ != nullptr) {
    wire_->close();
  }
}

Value Client::execute(const std::string& handler, const Value& payload, const TaskOptions& task,
                      const WaitOptions& wait, const CallOptions& call) {
  return run(task_spec(handler, payload, task), wait, call).unwrap();
}

Value Client::execute_registered(const std::string& id, const WaitOptions& wait, const CallOptions& call) {
  v1::ExecuteTaskRequest request;
  request.set_id(id);
  return Execution(*wire_, std::move(request), wait, call).run().unwrap();
}

Result Client::run(const v1::TaskSpec& spec, const WaitOptions& wait, const CallOptions& call) {
  v1::ExecuteTaskRequest request;
  *request.mutable_task() = spec;
  internal::name(*request.mutable_task());
  return Execution(*wire_, std::move(request), wait, call).run();
}

v1::Task Client::register_task(const std::string& handler, const Value& payload, const TaskOptions& task,
                               const RegisterOptions& options, const CallOptions& call) {
  v1::RegisterTaskRequest request;
  *request.mutable_task() = task_spec(handler, payload, task);
  const internal::FullQueue patience(options.retry_when_full, Clock::now());
  const Limits whole{.deadline = internal::deadline_after(call.timeout), .stop = call.stop};
  while (true) {
    std::optional<Duration> delay;
    try {
      auto response = wire_->call(&Stub::RegisterTask, request, call.timeout ? whole : wire_->limits(call));
      return std::move(*response.mutable_task());
    } catch (const QueueFull& full) {
      delay = patience.delay_after(full, Clock::now());
      if (!delay) {
        throw;
      }
    }
    wire_->pause(*delay, whole);
  }
}

std::vector<Registered> Client::register_tasks(std::vector<v1::TaskSpec> specs, v1::RegisterMode mode,
                                               const RegisterOptions& options, const CallOptions& call) {
  const Limits whole{.deadline = internal::deadline_after(call.timeout), .stop = call.stop};
  const auto send = [&](const std::vector<v1::TaskSpec>& batch) {
    v1::RegisterTasksRequest request;
    request.mutable_tasks()->Assign(batch.begin(), batch.end());
    request.set_mode(mode);
    return registered_of(wire_->call(&Stub::RegisterTasks, request, call.timeout ? whole : wire_->limits(call)));
  };
  return internal::register_all(std::move(specs), internal::FullQueue(options.retry_when_full, Clock::now()), send,
                                [&](Duration delay) { wire_->pause(delay, whole); });
}

v1::Task Client::get(const std::string& id, bool full, const CallOptions& call) {
  v1::GetTaskRequest request;
  request.set_id(id);
  request.set_view(internal::view(full));
  auto response = wire_->call(&Stub::GetTask, request, wire_->limits(call));
  return std::move(*response.mutable_task());
}

TaskList Client::list(const Filter& filter, const ListOptions& options, const CallOptions& call) {
  v1::GetTasksRequest request;
  internal::set(*request.mutable_filter(), filter);
  request.set_page_size(options.page_size);
  request.set_order_by(options.order_by);
  request.set_view(internal::view(options.full));
  return TaskList([wire = wire_, request, call](std::string& token) mutable {
    request.set_page_token(token);
    auto response = wire->call(&Stub::GetTasks, request, wire->limits(call));
    token = response.next_page_token();
    return tasks_of(response);
  });
}

TaskList Client::active(int page_size, const CallOptions& call) {
  v1::GetActiveTasksRequest request;
  request.set_page_size(page_size);
  return TaskList([wire = wire_, request, call](std::string& token) mutable {
    request.set_page_token(token);
    auto response = wire->call(&Stub::GetActiveTasks, request, wire->limits(call));
    token = response.next_page_token();
    return tasks_of(response);
  });
}

v1::ExplainTaskResponse Client::explain(const std::string& id, const CallOptions& call) {
  v1::ExplainTaskRequest request;
  request.set_id(id);
  return wire_->call(&Stub::ExplainTask, request, wire_->limits(call));
}

CancelAnswer Client::cancel(const std::string& id, const std::string& reason, std::optional<Duration> wait,
                            const CallOptions& call) {
  v1::CancelTaskRequest request;
  request.set_id(id);
  request.set_reason(reason);
  if (wait) {
    internal::set(*request.mutable_wait(), *wait);
  }
  auto response = wire_->call(&Stub::CancelTask, request, wire_->limits(call, wait.value_or(Duration::zero())));
  return {response.outcome(), std::move(*response.mutable_task())};
}

CancelledAll Client::cancel_all(const Filter& filter, const std::string& reason, const CallOptions& call) {
  v1::CancelAllRequest request;
  internal::set(*request.mutable_filter(), filter);
  request.set_reason(reason);
  const auto response = wire_->call(&Stub::CancelAll, request, wire_->limits(call));
  return {.counts = {response.counts().begin(), response.counts().end()}};
}

CancelledAll Client::cancel_all_and_wait(const Filter& filter, const std::string& reason,
                                         std::optional<Duration> timeout, const CallOptions& call) {
  v1::CancelAllAndWaitRequest request;
  internal::set(*request.mutable_filter(), filter);
  request.set_reason(reason);
  if (timeout) {
    internal::set(*request.mutable_timeout(), *timeout);
  }
  const auto response = wire_->call(&Stub::CancelAllAndWait, request, wire_->limits(call, timeout));
  return {.counts = {response.counts().begin(), response.counts().end()},
          .still_running_ids = {response.still_running_ids().begin(), response.still_running_ids().end()}};
}

Waited Client::wait(const Filter& filter, std::optional<Duration> timeout, const CallOptions& call) {
  v1::WaitRequest request;
  internal::set(*request.mutable_filter(), filter);
  if (timeout) {
    internal::set(*request.mutable_timeout(), *timeout);
  }
  const auto response = wire_->call(&Stub::Wait, request, wire_->limits(call, timeout));
  return {.done = response.done(), .counts = {response.counts().begin(), response.counts().end()}};
}

ResultReader Client::results(const Filter& filter, const ReadOptions& options, const CallOptions& call) {
  v1::StreamResultsRequest request;
  internal::set(*request.mutable_filter(), filter);
  request.set_after(options.after);
  request.set_follow(options.follow);
  request.set_close_on_completion(options.close_on_completion);
  request.set_include_progress(options.include_progress);
  request.set_slow_reader(options.slow_reader);
  request.set_view(internal::view(options.full));
  auto reading = std::make_unique<internal::LogReading<internal::StreamResults>>(
      wire_, std::move(request), options.on_gap, options.outlive_shutdown, call);
  reading->begin();
  return ResultReader(std::move(reading));
}

ResultsPage Client::results_page(const Filter& filter, const PageOptions& options, const CallOptions& call) {
  v1::GetResultsRequest request;
  internal::set(*request.mutable_filter(), filter);
  request.set_after(options.after);
  request.set_page_size(options.page_size);
  request.set_view(internal::view(options.full));
  auto response = wire_->call(&Stub::GetResults, request, wire_->limits(call));
  ResultsPage page{.results = {}, .next_cursor = response.next_cursor()};
  page.results.reserve(response.results_size());
  for (v1::Result& result : *response.mutable_results()) {
    page.results.emplace_back(std::move(result));
  }
  if (response.has_gap()) {
    page.gap = internal::gap_of(response.gap(), "");
  }
  return page;
}

CancelledReader Client::cancelled(const CancelledOptions& options, const CallOptions& call) {
  v1::GetCancelledRequest request;
  request.set_after(options.after);
  request.set_follow(options.follow);
  auto reading = std::make_unique<internal::LogReading<internal::GetCancelled>>(
      wire_, std::move(request), options.on_gap, options.outlive_shutdown, call);
  reading->begin();
  return CancelledReader(std::move(reading));
}

Session Client::session(const SessionOptions& options) {
  return Session(std::make_unique<internal::LiveSession>(wire_, options));
}

std::vector<v1::Handler> Client::handlers(const CallOptions& call) {
  const auto response = wire_->call(&Stub::ListHandlers, v1::ListHandlersRequest(), wire_->limits(call));
  return {response.handlers().begin(), response.handlers().end()};
}

v1::GetServerInfoResponse Client::info(const CallOptions& call) {
  return wire_->call(&Stub::GetServerInfo, v1::GetServerInfoRequest(), wire_->limits(call));
}

v1::StartWorkersResponse Client::start_workers(std::optional<int> count, const std::string& node_id,
                                               const CallOptions& call) {
  v1::StartWorkersRequest request;
  if (count) {
    request.set_count(*count);
  }
  request.set_node_id(node_id);
  return wire_->call(&Stub::StartWorkers, request, wire_->limits(call));
}

std::vector<v1::StatusCount> Client::shutdown(v1::ShutdownMode mode, std::optional<Duration> timeout,
                                              const std::string& node_id, const CallOptions& call) {
  v1::ShutdownRequest request;
  request.set_mode(mode);
  request.set_node_id(node_id);
  if (timeout) {
    internal::set(*request.mutable_timeout(), *timeout);
  }
  // A drain of the server's own choosing has no end that is known here.
  const auto response = wire_->call(&Stub::Shutdown, request, wire_->limits(call, timeout));
  return {response.counts().begin(), response.counts().end()};
}

void Client::close() { wire_->close(); }

v1::TaskService::StubInterface& Client::stub() { return wire_->stub(); }

const std::shared_ptr<grpc::Channel>& Client::channel() const { return wire_->channel(); }

std::string Client::prepare(grpc::ClientContext& context) const { return wire_->prepare(context); }

ErrorPtr error_of(const grpc::Status& status, const std::string& request_id) {
  return status.ok() ? nullptr : internal::error_from_call(status, request_id);
}

}  // namespace millhand
