// One channel and what every call on it has in common: identity, deadline, cancellation, errors.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "millhand/options.h"
#include "millhand/v1/task_service.grpc.pb.h"
#include "status.h"

namespace millhand::internal {

using Clock = std::chrono::steady_clock;
/// An instant by which something must be over; unset: no limit.
using Deadline = std::optional<Clock::time_point>;

/// `after` from now; no limit if it is unset, or further away than the clock goes.
Deadline deadline_after(std::optional<Duration> after);
/// The earlier one.
Deadline sooner(Deadline one, Deadline other);
/// A new UUIDv7: their order is their time of birth.
std::string new_id();
/// Whether a gRPC address is, for all one can tell without asking a name server, on this machine.
bool is_loopback(const std::string& address);

/// When a call is over whatever it waits for.
struct Limits {
  Deadline deadline{};
  std::stop_token stop{};
  /// Of the reader or session that the call is for.
  std::stop_token closed{};
};

class Wire {
 public:
  /// Throws InvalidArgument, see Client.
  Wire(const std::string& address, const ClientOptions& options);
  /// On a channel that somebody else made, for tests.
  Wire(std::shared_ptr<grpc::Channel> channel, ClientOptions options);

  [[nodiscard]] v1::TaskService::StubInterface& stub() { return *stub_; }
  [[nodiscard]] const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  [[nodiscard]] const ClientOptions& options() const { return options_; }
  [[nodiscard]] std::stop_token closing() const { return closing_.get_token(); }
  void close() { closing_.request_stop(); }

  /// Puts identity, a request id, which is returned, and the deadline into a context. Throws ClientClosed.
  std::string prepare(grpc::ClientContext& context, Deadline deadline = {}) const;

  /// Limits of a call that may take `wait` on the server, beside the way there and back. No `wait` is no limit.
  [[nodiscard]] Limits limits(const CallOptions& call, std::optional<Duration> wait = Duration::zero()) const;

  template <class Request, class Response>
  using Method = grpc::Status (v1::TaskService::StubInterface::*)(grpc::ClientContext*, const Request&, Response*);

  /// Makes a unary call. Throws Error.
  template <class Request, class Response>
  Response call(Method<Request, Response> method, const Request& request, const Limits& limits);

  /// Waits, and returns early if a limit is met. Throws what a call would then: CallCancelled or DeadlineExceeded.
  void pause(Duration length, const Limits& limits) const;

 private:
  ClientOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::TaskService::StubInterface> stub_;
  std::stop_source closing_;
};

/// Cancels a call as soon as one of its limits' tokens, or the client's, asks for it.
class CancelOnStop {
 public:
  CancelOnStop(grpc::ClientContext& context, const Wire& wire, const Limits& limits)
      : stop_(limits.stop, Cancel{&context}),
        closed_(limits.closed, Cancel{&context}),
        closing_(wire.closing(), Cancel{&context}) {}

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };
  std::stop_callback<Cancel> stop_;
  std::stop_callback<Cancel> closed_;
  std::stop_callback<Cancel> closing_;
};

/// The error of a call that ended with `status`, with what its context tells beside.
ErrorPtr error_of_call(const grpc::Status& status, const std::string& request_id, const grpc::ClientContext& context);

template <class Request, class Response>
Response Wire::call(Method<Request, Response> method, const Request& request, const Limits& limits) {
  grpc::ClientContext context;
  const std::string request_id = prepare(context, limits.deadline);
  const CancelOnStop cancel(context, *this, limits);
  Response response;
  const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
  if (!status.ok()) {
    error_of_call(status, request_id, context)->raise();
  }
  return response;
}

}  // namespace millhand::internal
