// A server in this process whose answers a test gives.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "millhand/v1/task_service.grpc.pb.h"

namespace millhand::testing {

/// A refusal as a Millhand server sends it.
inline grpc::Status refusal(grpc::StatusCode code, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("millhand.v1");
  google::rpc::Status status;
  status.set_code(code);
  status.set_message("refused");
  status.add_details()->PackFrom(info);
  return {code, "refused", status.SerializeAsString()};
}

/// What a test does not set is UNIMPLEMENTED.
class FakeService final : public v1::TaskService::Service {
 public:
  template <class Request, class Response>
  using Unary = std::function<grpc::Status(grpc::ServerContext&, const Request&, Response&)>;
  template <class Request, class Response>
  using Streaming = std::function<grpc::Status(grpc::ServerContext&, const Request&, grpc::ServerWriter<Response>&)>;
  using Stream = grpc::ServerReaderWriter<v1::SessionResponse, v1::SessionRequest>;

  Unary<v1::RegisterTaskRequest, v1::RegisterTaskResponse> register_task;
  Unary<v1::ExecuteTaskRequest, v1::ExecuteTaskResponse> execute;
  Unary<v1::GetTaskRequest, v1::GetTaskResponse> get;
  Unary<v1::CancelTaskRequest, v1::CancelTaskResponse> cancel;
  Unary<v1::CancelAllRequest, v1::CancelAllResponse> cancel_all;
  Unary<v1::GetTasksRequest, v1::GetTasksResponse> list;
  Streaming<v1::StreamResultsRequest, v1::StreamResultsResponse> results;
  std::function<grpc::Status(Stream&)> session;

  grpc::Status RegisterTask(grpc::ServerContext* context, const v1::RegisterTaskRequest* request,
                            v1::RegisterTaskResponse* response) override {
    return answer(register_task, *context, *request, *response);
  }
  grpc::Status ExecuteTask(grpc::ServerContext* context, const v1::ExecuteTaskRequest* request,
                           v1::ExecuteTaskResponse* response) override {
    return answer(execute, *context, *request, *response);
  }
  grpc::Status GetTask(grpc::ServerContext* context, const v1::GetTaskRequest* request,
                       v1::GetTaskResponse* response) override {
    return answer(get, *context, *request, *response);
  }
  grpc::Status CancelTask(grpc::ServerContext* context, const v1::CancelTaskRequest* request,
                          v1::CancelTaskResponse* response) override {
    return answer(cancel, *context, *request, *response);
  }
  grpc::Status CancelAll(grpc::ServerContext* context, const v1::CancelAllRequest* request,
                         v1::CancelAllResponse* response) override {
    return answer(cancel_all, *context, *request, *response);
  }
  grpc::Status GetTasks(grpc::ServerContext* context, const v1::GetTasksRequest* request,
                        v1::GetTasksResponse* response) override {
    return answer(list, *context, *request, *response);
  }
  grpc::Status StreamResults(grpc::ServerContext* context, const v1::StreamResultsRequest* request,
                             grpc::ServerWriter<v1::StreamResultsResponse>* writer) override {
    return answer(results, *context, *request, *writer);
  }
  grpc::Status Session(grpc::ServerContext* /*context*/, Stream* stream) override {
    return session ? session(*stream) : grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  }

 private:
  template <class Hook, class... Arguments>
  static grpc::Status answer(const Hook& hook, Arguments&... arguments) {
    return hook ? hook(arguments...) : grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  }
};

/// Serves while it lives.
class FakeServer {
 public:
  FakeServer() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    address = "127.0.0.1:" + std::to_string(port);
  }
  ~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  FakeService service;
  std::string address;

 private:
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace millhand::testing
