// What a caller may say. Everything is optional, and named with designated initializers:
//
//     client.execute("sleep", Json{{"seconds", 5}}, {.queue = "slow", .retries = 0}, {.timeout = 3s});
#pragma once

#include <grpcpp/security/credentials.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "millhand/v1/task.pb.h"
#include "millhand/v1/task_service.pb.h"
#include "millhand/value.h"

namespace millhand {

/// A length of time. Any std::chrono duration of integers converts to it.
using Duration = std::chrono::nanoseconds;
/// A moment, by the server's clock.
using Moment = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// How a client is connected, and as whom.
struct ClientOptions {
  /// Sent with every call as a bearer token. Without TLS, only to this machine: see `insecure_token`. Empty: none.
  std::string token{};
  /// Sends the token in the clear over the network, where everybody on the way can read and use it.
  bool insecure_token = false;
  /// PEM of the authority that signed the server's certificate. Turns TLS on. With `tls` alone, the system's.
  std::string ca_pem{};
  /// PEM of this client's own certificate and of its key, for mutual TLS. Both or neither; they turn TLS on.
  std::string certificate_pem{};
  std::string key_pem{};
  /// TLS with the authorities that the system trusts.
  bool tls = false;
  /// gRPC's own credentials, in the place of all of the above but the token.
  std::shared_ptr<grpc::ChannelCredentials> credentials{};
  /// How long one call may take; unset: no limit. What waits has a limit of its own, to which this is added for
  /// the way there and back.
  std::optional<Duration> timeout = std::chrono::seconds(30);
  /// How long readers, sessions and `execute` try to get a lost server back; unset: for ever.
  std::optional<Duration> reconnect_timeout = std::chrono::seconds(120);
  /// What this program calls itself in a session.
  std::string name{};
};

/// The file's content, for the PEM options. Throws std::system_error if it cannot be read.
std::string read_file(const std::string& path);

/// How one call may be broken off.
struct CallOptions {
  /// How long the call may take in all, with everything that is repeated in it; then DeadlineExceeded. Unset: the
  /// client's own limit. For readers it bounds the whole reading.
  std::optional<Duration> timeout{};
  /// Breaks the call off with CallCancelled when stop is requested. Tasks go on.
  std::stop_token stop{};
};

/// All that a task may have beside handler and payload. What is left out is the handler's or the server's. For
/// durations that limit something, zero means no limit.
struct TaskOptions {
  /// Its identity: at most once for the same content. Empty: a new one, unless there is an `idempotency_key`.
  std::string id{};
  std::string name{};
  std::string description{};
  /// -100 to 100; lower runs first, 0 is normal.
  int priority = 0;
  std::string queue{};
  std::map<std::string, std::string> labels{};
  /// Attempts after the first.
  std::optional<int> retries{};
  std::optional<Duration> retry_delay{};
  std::optional<v1::RetryPolicy> retry_policy{};
  /// How long one attempt may run. (WaitOptions::timeout is how long you wait.)
  std::optional<Duration> attempt_timeout{};
  std::optional<Duration> start_timeout{};
  std::optional<Duration> heartbeat_timeout{};
  /// The task ends at this moment at the latest.
  std::optional<Moment> deadline{};
  /// Not before this moment. Give this or `delay`.
  std::optional<Moment> run_at{};
  /// Not before this has passed.
  std::optional<Duration> delay{};
  /// The same key registers one task.
  std::string idempotency_key{};
  std::string fairness_key{};
  std::string correlation_id{};
  std::string traceparent{};
};

/// A task to register, with an id of its own unless an idempotency key stands in for one: sent twice, it is the same
/// task. Throws InvalidPayload, and InvalidArgument if both `run_at` and `delay` are given.
v1::TaskSpec task_spec(std::string handler, const Value& payload = {}, const TaskOptions& options = {});

/// How to wait for a task.
struct WaitOptions {
  /// How long to wait; then WaitTimedOut. Unset: as long as it takes.
  std::optional<Duration> timeout{};
  /// Whether the server cancels the task when `timeout` is over. Otherwise it goes on.
  bool cancel_on_timeout = false;
  /// Whether the task is cancelled when the wait is broken off by its stop token. That may hold the caller up for
  /// two seconds.
  bool cancel_on_stop = false;
  /// For how long to try again while the queue is full, within `timeout`. Unset: not at all.
  std::optional<Duration> retry_when_full{};
};

/// How to register.
struct RegisterOptions {
  /// For how long to try again while the queue is full, as often as the server advises. Unset: QueueFull at once.
  std::optional<Duration> retry_when_full{};
};

/// Which tasks. Fields are ANDed, the values within one ORed, labels must all match. Nothing given means every task;
/// what is given and empty throws InvalidArgument, for a list that came out empty is hardly meant to match all.
struct Filter {
  std::optional<std::vector<std::string>> ids{};
  std::optional<std::vector<std::string>> handlers{};
  std::optional<std::vector<std::string>> queues{};
  std::optional<std::vector<v1::TaskStatus>> statuses{};
  std::optional<std::map<std::string, std::string>> labels{};
  std::optional<std::string> correlation_id{};
  /// Inclusive.
  std::optional<Moment> created_after{};
  /// Exclusive.
  std::optional<Moment> created_before{};
};

/// How to list tasks.
struct ListOptions {
  /// Tasks in a page; 0 leaves it to the server.
  int page_size = 0;
  /// `create_time` (also if empty), `due_time` or `priority`, each also with ` desc`.
  std::string order_by{};
  /// Whether the tasks have their payload.
  bool full = false;
};

/// What a reader does where results cannot be given any more.
enum class OnGap {
  /// The gap is one of the records.
  kGive,
  /// ResultsMissed is thrown; reading on goes on behind the gap.
  kThrow,
};

/// From where to read results, and how far.
struct ReadOptions {
  /// Go on behind this cursor; `0` is the oldest retained. Empty: from now on when following without ids, else all
  /// that is retained.
  std::string after{};
  /// Whether to wait for more once caught up.
  bool follow = true;
  /// Ends when every task of the filter's ids has ended; those that had ended before are given.
  bool close_on_completion = false;
  /// Whether to give Progress records, too.
  bool include_progress = false;
  /// What the server does if this reader falls behind. Unspecified means that it waits.
  v1::SlowReader slow_reader = v1::SLOW_READER_UNSPECIFIED;
  /// Whether the results' tasks have their payload.
  bool full = false;
  OnGap on_gap = OnGap::kGive;
  /// Whether to reconnect when the server says that it shuts down.
  bool outlive_shutdown = true;
};

/// From where to read what was cancelled, and how far. As in ReadOptions.
struct CancelledOptions {
  std::string after{};
  bool follow = true;
  OnGap on_gap = OnGap::kGive;
  bool outlive_shutdown = true;
};

/// A page of results.
struct PageOptions {
  /// Go on behind this cursor; `0` and empty are the oldest retained.
  std::string after{};
  /// 0 leaves it to the server.
  int page_size = 0;
  /// Whether the results' tasks have their payload.
  bool full = false;
};

/// What a session's subscription gives.
struct SubscribeOptions {
  /// False: the results of this session's own tasks, also of those registered before a reconnect. True: of every
  /// task. The filter applies to both.
  bool everyone = false;
  Filter filter{};
  /// Go on behind this cursor. Empty: all retained for own tasks or ids, else from now on.
  std::string after{};
  bool include_progress = false;
  /// Whether the results' tasks have their payload.
  bool full = false;
};

/// How a session is opened.
struct SessionOptions {
  /// Its name, to resume one. Empty: a new one.
  std::string id{};
  /// Hangs up when stop is requested; waiting calls then throw CallCancelled.
  std::stop_token stop{};
};

}  // namespace millhand
