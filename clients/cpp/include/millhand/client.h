// The client: one connection, everything a program asks of a server.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millhand/iterator.h"
#include "millhand/options.h"
#include "millhand/reader.h"
#include "millhand/records.h"
#include "millhand/session.h"
#include "millhand/v1/handler.pb.h"
#include "millhand/v1/task_service.grpc.pb.h"

namespace millhand {

/// A listing, fetched page by page as it is read. For one thread at a time.
class TaskList {
 public:
  using iterator = SourceIterator<TaskList, v1::Task>;
  /// Gets the page behind a token, and sets the token of the next.
  using Fetch = std::function<std::vector<v1::Task>(std::string& token)>;

  explicit TaskList(Fetch fetch) : fetch_(std::move(fetch)) {}

  /// The next task; empty at the end. Throws Error if a page cannot be had.
  std::optional<v1::Task> next();

  iterator begin() { return iterator(*this); }
  static std::default_sentinel_t end() { return {}; }

 private:
  Fetch fetch_;
  std::vector<v1::Task> page_;
  std::size_t read_ = 0;
  std::string token_;
  bool last_ = false;
};

/// One connection to a server. Thread-safe: make one and share it.
///
/// Every method throws an Error for what the server says or fails to say, DeadlineExceeded when its time is over and
/// CallCancelled when its stop token asks. What can safely be repeated is, up to five times, when the server cannot be
/// reached: all but `cancel_all`, `cancel_all_and_wait` and `shutdown`. Ending a call never ends a task, unless asked.
class Client {
 public:
  /// Connects when first used. `address` is `host:port` or any name that gRPC knows. Throws InvalidArgument for
  /// options that contradict each other, for PEM without its content, and for a token that would travel in the clear.
  explicit Client(const std::string& address, const ClientOptions& options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  /// Closes.
  ~Client();

  /// Runs a task, waits for it and returns its output. Joins the same task again if the connection breaks. Throws
  /// TaskFailed, TaskCancelled or TaskTimedOut if it ends without one, WaitTimedOut if the wait is over.
  Value execute(const std::string& handler, const Value& payload = {}, const TaskOptions& task = {},
                const WaitOptions& wait = {}, const CallOptions& call = {});
  /// Runs a registered task now, whatever it waits for. Throws TaskAlreadyStarted, TaskCompleted or TaskCancelled if it
  /// is too late for that.
  Value execute_registered(const std::string& id, const WaitOptions& wait = {}, const CallOptions& call = {});
  /// As `execute`, from a spec; the result says how the task ended.
  Result run(const v1::TaskSpec& spec, const WaitOptions& wait = {}, const CallOptions& call = {});

  /// Registers a task and returns it; its life no longer depends on this client.
  v1::Task register_task(const std::string& handler, const Value& payload = {}, const TaskOptions& task = {},
                         const RegisterOptions& options = {}, const CallOptions& call = {});
  /// Registers specs made by `task_spec` in one call; the answers are in their order. ATOMIC: one refusal refuses all
  /// and is thrown. PER_ITEM: it is that answer's `error`.
  std::vector<Registered> register_tasks(std::vector<v1::TaskSpec> specs,
                                         v1::RegisterMode mode = v1::REGISTER_MODE_ATOMIC,
                                         const RegisterOptions& options = {}, const CallOptions& call = {});

  /// The task; with its payload if `full`.
  v1::Task get(const std::string& id, bool full = false, const CallOptions& call = {});
  /// Every matching task.
  TaskList list(const Filter& filter = {}, const ListOptions& options = {}, const CallOptions& call = {});
  /// The tasks that have a live attempt.
  TaskList active(int page_size = 0, const CallOptions& call = {});
  /// Why a task is not running, the most binding reason first.
  v1::ExplainTaskResponse explain(const std::string& id, const CallOptions& call = {});

  /// Cancels a task. SIGNALLED means that running code was asked to stop; with `wait`, the answer says what came of it.
  CancelAnswer cancel(const std::string& id, const std::string& reason = "",
                      std::optional<Duration> wait = std::nullopt, const CallOptions& call = {});
  /// Cancels every matching task accepted before; without a filter, every one.
  CancelledAll cancel_all(const Filter& filter = {}, const std::string& reason = "", const CallOptions& call = {});
  /// As `cancel_all`, and waits until all have stopped, or `timeout`.
  CancelledAll cancel_all_and_wait(const Filter& filter = {}, const std::string& reason = "",
                                   std::optional<Duration> timeout = std::nullopt, const CallOptions& call = {});
  /// Waits until no matching task is unfinished. Zero looks once; unset waits as long as it takes.
  Waited wait(const Filter& filter = {}, std::optional<Duration> timeout = std::nullopt, const CallOptions& call = {});

  /// Results as tasks end. Returns when the server has named its place in the log.
  ResultReader results(const Filter& filter = {}, const ReadOptions& options = {}, const CallOptions& call = {});
  /// One page of the log, for those who cannot keep a stream open. Reading takes nothing away.
  ResultsPage results_page(const Filter& filter = {}, const PageOptions& options = {}, const CallOptions& call = {});
  /// Tasks as they become CANCELLED.
  CancelledReader cancelled(const CancelledOptions& options = {}, const CallOptions& call = {});
  /// A stream for much at once. Returns at once; a server that cannot be had shows in what is asked of it.
  Session session(const SessionOptions& options = {});

  /// The server's handlers.
  std::vector<v1::Handler> handlers(const CallOptions& call = {});
  /// The answering server: its version, node, store, limits and capabilities.
  v1::GetServerInfoResponse info(const CallOptions& call = {});
  /// Resizes a node's workers. Unset is the configured number, 0 drains all; an empty id is whoever answers.
  v1::StartWorkersResponse start_workers(std::optional<int> count = std::nullopt, const std::string& node_id = "",
                                         const CallOptions& call = {});
  /// Stops a server and returns what was not final then. GRACEFUL drains for `timeout`; unset: as it is configured.
  std::vector<v1::StatusCount> shutdown(v1::ShutdownMode mode = v1::SHUTDOWN_MODE_GRACEFUL,
                                        std::optional<Duration> timeout = std::nullopt, const std::string& node_id = "",
                                        const CallOptions& call = {});

  /// Cancels what is under way, with CallCancelled, and refuses what comes later, with ClientClosed.
  void close();

  /// The generated stub on this client's connection, for what has no method here.
  v1::TaskService::StubInterface& stub();
  /// The connection, for other services on it and calls without generated code.
  [[nodiscard]] const std::shared_ptr<grpc::Channel>& channel() const;
  /// Gives a context of a call through the stub this client's identity. Returns the request's id.
  std::string prepare(grpc::ClientContext& context) const;

 private:
  std::shared_ptr<internal::Wire> wire_;
};

/// The error that stands for a failed call through the stub, with its class by reason. Null if it did not fail.
ErrorPtr error_of(const grpc::Status& status, const std::string& request_id = "");

}  // namespace millhand
