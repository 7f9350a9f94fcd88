// What nearly every source of the library includes, compiled once.
#pragma once

#include <grpcpp/grpcpp.h>

#include <nlohmann/json.hpp>

#include "millhand/v1/task_service.grpc.pb.h"
