// Statuses on the wire to errors: by reason where a Millhand server gave one, else by code.
#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "google/rpc/status.pb.h"
#include "millhand/errors.h"

namespace millhand::internal {

/// The error for a call that did not end with OK. `task_id` joins its metadata unless empty.
ErrorPtr error_from_call(const grpc::Status& status, const std::string& request_id, const std::string& task_id = "");
/// The error for a status inside of an answer, which is not OK.
ErrorPtr error_from_status(const google::rpc::Status& status);
/// Why a result has no output; null if its task completed.
std::shared_ptr<const TaskDidNotComplete> error_from_result(const std::shared_ptr<const v1::Result>& result);

/// An error found on this side.
template <class Kind>
Kind local(grpc::StatusCode code, std::string message) {
  return Kind(ErrorFacts{.code = code, .message = std::move(message)});
}
/// A field of a request that cannot be sent.
template <class Kind = InvalidArgument>
Kind refused(const std::string& reason, const std::string& field, const std::string& description) {
  return Kind(ErrorFacts{.code = grpc::StatusCode::INVALID_ARGUMENT,
                         .reason = reason,
                         .message = field + ": " + description,
                         .violations = {{field, description}}});
}

}  // namespace millhand::internal
