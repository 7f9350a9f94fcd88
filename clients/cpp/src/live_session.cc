#include "live_session.h"

#include <future>
#include <utility>

#include "status.h"

namespace millhand::internal {
namespace {

// Requests without an answer at which a session stops taking more, so that a dead server fills no memory.
constexpr std::size_t kMaxPending = 64;

template <class Predicate>
bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Deadline deadline,
                Predicate predicate) {
  if (!deadline) {
    changed.wait(lock, predicate);
    return true;
  }
  return changed.wait_until(lock, *deadline, predicate);
}

}  // namespace

LiveSession::LiveSession(std::shared_ptr<Wire> wire, const SessionOptions& options)
    : wire_(std::move(wire)),
      stop_(options.stop),
      state_(options.id.empty() ? new_id() : options.id, wire_->options().name),
      reconnect_(wire_->options().reconnect_timeout),
      thread_([this] { live(); }) {}

LiveSession::~LiveSession() {
  hang_up();
  thread_.join();
}

std::string LiveSession::cursor() const {
  const std::scoped_lock lock(mutex_);
  return state_.cursor();
}

Limits LiveSession::limits() const { return {.stop = stop_, .closed = hung_up_.get_token()}; }

void LiveSession::send(v1::SessionRequest request, OnAnswer on_answer) {
  std::unique_lock lock(mutex_);
  const Deadline deadline = deadline_after(wire_->options().timeout);
  if (!wait_until(changed_, lock, deadline, [&] { return over_ || state_.pending() < kMaxPending; })) {
    throw local<DeadlineExceeded>(grpc::StatusCode::DEADLINE_EXCEEDED,
                                  std::to_string(kMaxPending) + " requests have no answer yet");
  }
  if (over_) {
    over_because()->raise();
  }
  const v1::SessionRequest numbered = state_.request(std::move(request));
  waiting_.emplace(numbered.request_id(), std::move(on_answer));
  if (stream_ != nullptr) {
    stream_->send(numbered);
  }
}

Answer LiveSession::ask(v1::SessionRequest request) {
  const Deadline deadline = deadline_after(wire_->options().timeout);
  // Shared: the answer may come after this has given up.
  auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> future = promise->get_future();
  send(std::move(request), [promise](Answer answer) { promise->set_value(std::move(answer)); });
  if (deadline && future.wait_until(*deadline) == std::future_status::timeout) {
    throw local<DeadlineExceeded>(grpc::StatusCode::DEADLINE_EXCEEDED,
                                  "the session got no answer in time; what was asked may still happen");
  }
  Answer answer = future.get();
  if (const auto* error = std::get_if<ErrorPtr>(&answer.value)) {
    (*error)->raise();
  }
  return answer;
}

std::optional<Record> LiveSession::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return over_ || state_.has_unread(); });
  std::optional<Record> record = state_.next();
  if (auto credit = state_.credit_due(); credit && stream_ != nullptr) {
    stream_->send(std::move(*credit));
  }
  changed_.notify_all();
  if (!record && failure_ != nullptr) {
    failure_->raise();
  }
  return record;
}

void LiveSession::finish() {
  const std::scoped_lock lock(mutex_);
  if (!state_.finished()) {
    state_.finish();
    if (stream_ != nullptr) {
      stream_->finish();
    }
  }
}

void LiveSession::close(std::optional<Duration> timeout) {
  finish();
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    changed_.notify_all();
    wait_until(changed_, lock, deadline_after(timeout), [this] { return over_; });
  }
  hang_up();
}

void LiveSession::hang_up() {
  hung_up_.request_stop();
  const std::scoped_lock lock(mutex_);
  changed_.notify_all();
}

// Keeps a stream open until the session is over. Nothing may escape from a thread.
void LiveSession::live() {
  ErrorPtr failure;
  try {
    while (live_one_stream()) {
    }
  } catch (const Error& error) {
    failure = error.share();
  } catch (const std::exception& bug) {
    failure = local<Error>(grpc::StatusCode::UNKNOWN, std::string("the session failed: ") + bug.what()).share();
  }
  end(hung_up_.stop_requested() ? nullptr : std::move(failure));
}

// Whether another stream is to follow. Waits before it says so.
bool LiveSession::live_one_stream() {
  std::optional<Duration> delay;
  try {
    open();
    v1::SessionResponse response;
    while (stream_->read(response)) {
      receive(std::move(response));
    }
    if (const ErrorPtr error = stream_->end()) {
      error->raise();
    }
    if (!state_.done() && !state_.starved()) {
      throw local<Unavailable>(grpc::StatusCode::UNAVAILABLE, "the session's stream ended without a goodbye");
    }
    drop_stream();
  } catch (const Error& error) {
    drop_stream();
    delay = reconnect_.delay_after(error, Clock::now());
  }
  if (delay) {
    wire_->pause(*delay, limits());
    return true;
  }
  return await_reader();
}

void LiveSession::open() {
  auto stream = std::make_unique<SessionStream>(*wire_, limits());
  const std::scoped_lock lock(mutex_);
  for (v1::SessionRequest& request : state_.opening()) {
    stream->send(std::move(request));
  }
  if (state_.finished()) {
    stream->finish();
  }
  stream_ = std::move(stream);
}

void LiveSession::receive(v1::SessionResponse response) {
  OnAnswer on_answer;
  std::optional<Answer> answer;
  {
    const std::scoped_lock lock(mutex_);
    reconnect_.progressed();
    answer = state_.receive(std::move(response));
    if (answer) {
      const auto waiting = waiting_.find(answer->request_id);
      if (waiting != waiting_.end()) {
        on_answer = std::move(waiting->second);
        waiting_.erase(waiting);
      }
    }
    changed_.notify_all();
  }
  if (on_answer) {
    on_answer(std::move(*answer));
  }
}

void LiveSession::drop_stream() {
  // Destroyed behind the lock: that waits for the stream's thread.
  std::unique_ptr<SessionStream> dropped;
  const std::scoped_lock lock(mutex_);
  dropped.swap(stream_);
}

// After a stream that ended well: whether the session goes on, which it does when the server stopped for want of credit
// and somebody has read what the credit bought.
bool LiveSession::await_reader() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [this] { return state_.done() || closing_ || hung_up_.stop_requested() || !state_.has_unread(); });
  return !state_.done() && !closing_ && !hung_up_.stop_requested();
}

void LiveSession::end(ErrorPtr failure) {
  std::map<std::string, OnAnswer> unanswered;
  {
    const std::scoped_lock lock(mutex_);
    over_ = true;
    failure_ = std::move(failure);
    unanswered.swap(waiting_);
    changed_.notify_all();
  }
  for (auto& [request_id, on_answer] : unanswered) {
    on_answer({request_id, over_because()});
  }
}

ErrorPtr LiveSession::over_because() const {
  return failure_ != nullptr ? failure_
                             : local<ClientClosed>(grpc::StatusCode::CANCELLED, "the session is over").share();
}

}  // namespace millhand::internal
