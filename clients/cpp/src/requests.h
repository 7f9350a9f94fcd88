// What callers say as the wire's messages, and its answers as records.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <vector>

#include "millhand/options.h"
#include "millhand/records.h"

namespace millhand::internal {

void set(google::protobuf::Duration& target, Duration value);
void set(google::protobuf::Timestamp& target, Moment value);
v1::TaskView view(bool full);
/// Throws InvalidArgument for what is given and empty.
void set(v1::TaskFilter& target, const Filter& filter);
/// Gives a spec an id, if it could not be sent twice without.
void name(v1::TaskSpec& spec);

Registered registered_of(v1::RegisterResult result);
CancelResult cancel_result_of(const v1::CancelResult& result);
Gap gap_of(const v1::Gap& gap, const std::string& cursor);

}  // namespace millhand::internal
