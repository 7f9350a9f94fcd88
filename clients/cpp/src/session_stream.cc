#include "session_stream.h"

namespace millhand::internal {

SessionStream::SessionStream(Wire& wire, const Limits& limits)
    : request_id_(wire.prepare(context_, limits.deadline)),
      cancel_(context_, wire, limits),
      stream_(wire.stub().Session(&context_)),
      writer_([this] { write_all(); }) {}

SessionStream::~SessionStream() {
  cancel();
  if (writer_.joinable()) {
    writer_.join();
  }
}

void SessionStream::send(v1::SessionRequest request) {
  const std::scoped_lock lock(mutex_);
  outbox_.push_back(std::move(request));
  changed_.notify_all();
}

void SessionStream::finish() {
  const std::scoped_lock lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void SessionStream::cancel() {
  context_.TryCancel();
  const std::scoped_lock lock(mutex_);
  over_ = true;
  changed_.notify_all();
}

ErrorPtr SessionStream::end() {
  {
    const std::scoped_lock lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }
  // gRPC wants no write under way when the status is asked for; this one fails, for the stream is over.
  writer_.join();
  const grpc::Status status = stream_->Finish();
  return status.ok() ? nullptr : error_of_call(status, request_id_, context_);
}

void SessionStream::write_all() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return over_ || finished_ || !outbox_.empty(); });
    if (over_) {
      return;
    }
    if (outbox_.empty()) {
      break;
    }
    const v1::SessionRequest request = std::move(outbox_.front());
    outbox_.pop_front();
    lock.unlock();
    if (!stream_->Write(request)) {
      // Broken: reading tells why.
      return;
    }
    lock.lock();
  }
  lock.unlock();
  stream_->WritesDone();
}

}  // namespace millhand::internal
