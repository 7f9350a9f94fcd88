// One stream of a session: what is sent waits for a thread of its own, so that no sender waits for the network.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "wire.h"

namespace millhand::internal {

class SessionStream {
 public:
  /// Throws ClientClosed.
  SessionStream(Wire& wire, const Limits& limits);
  SessionStream(const SessionStream&) = delete;
  SessionStream& operator=(const SessionStream&) = delete;
  /// Hangs up.
  ~SessionStream();

  /// Queues a request. Thread-safe, as are `finish` and `cancel`.
  void send(v1::SessionRequest request);
  /// Says that no more requests follow.
  void finish();
  /// Hangs up.
  void cancel();
  /// The next response; false at the end. For one thread.
  bool read(v1::SessionResponse& response) { return stream_->Read(&response); }
  /// Why the stream ended; null for an end without an error. Called once, after `read` gave false.
  ErrorPtr end();

 private:
  void write_all();

  grpc::ClientContext context_;
  std::string request_id_;
  CancelOnStop cancel_;
  std::unique_ptr<grpc::ClientReaderWriterInterface<v1::SessionRequest, v1::SessionResponse>> stream_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::SessionRequest> outbox_;
  bool finished_ = false;
  bool over_ = false;
  std::thread writer_;
};

}  // namespace millhand::internal
