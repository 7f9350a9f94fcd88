// The suite's messages as what a user of the client has in hand, and back.
#pragma once

#include <millhand/millhand.h>

#include <optional>
#include <string>
#include <vector>

#include "millhand/conformance/v1/conformance.pb.h"

namespace millhand::conformance {

Duration duration_of(const google::protobuf::Duration& duration);
/// Throws std::runtime_error if this program does not know the message's type.
millhand::Value value_of(const v1::Value& value);
millhand::Value payload_of(const v1::Task& task);
TaskOptions options_of(const millhand::v1::TaskSpec& spec);
millhand::v1::TaskSpec spec_of(const v1::Task& task);
std::vector<millhand::v1::TaskSpec> specs_of(const v1::RegisterMany& batch);
Filter filter_of(const millhand::v1::TaskFilter& filter);
SubscribeOptions options_of(const millhand::v1::SessionSubscribe& subscribe);

v1::Value message_of(const millhand::Value& value);
v1::Failure message_of(const Error& error);
v1::Registered message_of(const Registered& registered);
v1::Result message_of(const Result& result, bool brief);

}  // namespace millhand::conformance
