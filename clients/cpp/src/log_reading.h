// One reading of the log, whatever number of streams it takes.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "millhand/records.h"
#include "patience.h"
#include "wire.h"

namespace millhand::internal {

/// What is special to StreamResults.
struct StreamResults {
  using Request = v1::StreamResultsRequest;
  using Response = v1::StreamResultsResponse;
  using Record = millhand::Record;
  static std::unique_ptr<grpc::ClientReaderInterface<Response>> open(v1::TaskService::StubInterface& stub,
                                                                     grpc::ClientContext* context,
                                                                     const Request& request) {
    return stub.StreamResults(context, request);
  }
  static std::optional<Record> record_in(Response& frame);
};

/// What is special to GetCancelled.
struct GetCancelled {
  using Request = v1::GetCancelledRequest;
  using Response = v1::GetCancelledResponse;
  using Record = CancelledRecord;
  static std::unique_ptr<grpc::ClientReaderInterface<Response>> open(v1::TaskService::StubInterface& stub,
                                                                     grpc::ClientContext* context,
                                                                     const Request& request) {
    return stub.GetCancelled(context, request);
  }
  static std::optional<Record> record_in(Response& frame);
};

/// A broken stream is opened again behind what was given. For one thread at a time, but `close`.
template <class Method>
class LogReading {
 public:
  using Record = typename Method::Record;

  LogReading(std::shared_ptr<Wire> wire, typename Method::Request request, OnGap on_gap, bool outlive_shutdown,
             const CallOptions& call);
  LogReading(const LogReading&) = delete;
  LogReading& operator=(const LogReading&) = delete;
  ~LogReading() { hang_up(); }

  /// Waits for the first frame, which names the place in the log: nothing after it is missed. Throws Error; only a
  /// stream that began is opened again.
  void begin() { ahead_ = step(); }
  std::optional<Record> next();
  [[nodiscard]] const std::string& cursor() const { return cursor_; }
  void close() { closed_.request_stop(); }

 private:
  struct Stream {
    Stream(Wire& wire, const typename Method::Request& request, const Limits& limits)
        : request_id(wire.prepare(context, limits.deadline)),
          cancel(context, wire, limits),
          reader(Method::open(wire.stub(), &context, request)) {}

    grpc::ClientContext context;
    std::string request_id;
    CancelOnStop cancel;
    std::unique_ptr<grpc::ClientReaderInterface<typename Method::Response>> reader;
  };

  /// A frame's record; empty if it only moved the cursor, ended the reading, or broke the stream.
  std::optional<Record> step();
  std::optional<Record> read();
  std::optional<Record> receive(typename Method::Response frame);
  void end(const v1::End& end);
  void hang_up();

  std::shared_ptr<Wire> wire_;
  typename Method::Request request_;
  OnGap on_gap_;
  bool outlive_shutdown_;
  std::stop_source closed_;
  Limits limits_;
  Reconnect reconnect_;
  std::unique_ptr<Stream> stream_;
  std::optional<Record> ahead_;
  /// Everything up to here has been given; empty until the server has named a place.
  std::string cursor_;
  /// The server said that nothing more comes.
  bool done_ = false;
};

extern template class LogReading<StreamResults>;
extern template class LogReading<GetCancelled>;

}  // namespace millhand::internal
