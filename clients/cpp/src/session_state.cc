#include "session_state.h"

#include <algorithm>
#include <charconv>

#include "requests.h"
#include "status.h"

namespace millhand::internal {
namespace {

// The credit in results that a stream starts with, where no `welcome` says otherwise.
constexpr int kStartCredit = 1000;
// How many tasks one request may register.
constexpr int kMaxBatch = 1000;

int number_in(const std::string& request_id) {
  int number = 0;
  const char* end = request_id.data() + request_id.size();
  const auto [at, error] = std::from_chars(request_id.data(), end, number);
  return error == std::errc() && at == end ? number : 0;
}

}  // namespace

SessionState::SessionState(std::string session_id, std::string client_name)
    : session_id_(std::move(session_id)), client_name_(std::move(client_name)), credit_(kStartCredit) {}

v1::SessionRequest SessionState::request(v1::SessionRequest request) {
  if (finished_ || done_) {
    throw local<ClientClosed>(grpc::StatusCode::CANCELLED, "the session is finished: it sends nothing more");
  }
  request.set_request_id(std::to_string(++last_number_));
  pending_[last_number_] = request;
  return request;
}

std::vector<v1::SessionRequest> SessionState::opening() {
  unread_.clear();
  credit_ = kStartCredit;
  read_since_grant_ = 0;
  starved_ = false;
  std::vector<v1::SessionRequest> frames(1);
  frames[0].set_request_id("hello");
  frames[0].mutable_hello()->set_client_name(client_name_);
  frames[0].mutable_hello()->set_session_id(session_id_);
  if (subscription_) {
    v1::SessionRequest& again = frames.emplace_back();
    again.set_request_id("resume");
    *again.mutable_subscribe() = *subscription_;
    if (!cursor_.empty()) {
      again.mutable_subscribe()->set_after(cursor_);
    }
  }
  for (v1::SessionRequest& adoption : adoptions()) {
    frames.push_back(std::move(adoption));
  }
  for (const auto& [number, request] : pending_) {
    frames.push_back(request);
  }
  return frames;
}

std::optional<Answer> SessionState::receive(v1::SessionResponse response) {
  switch (response.kind_case()) {
    case v1::SessionResponse::kWelcome:
      credit_ = response.welcome().credit() > 0 ? response.welcome().credit() : kStartCredit;
      return std::nullopt;
    case v1::SessionResponse::kResults:
      take(std::move(*response.mutable_results()));
      return std::nullopt;
    case v1::SessionResponse::kProgress:
      take(std::move(*response.mutable_progress()));
      return std::nullopt;
    case v1::SessionResponse::kGap:
      unread_.push_back({gap_of(response.gap(), ""), response.gap().to_cursor()});
      return std::nullopt;
    case v1::SessionResponse::kGoodbye:
      end(response.goodbye());
      return std::nullopt;
    case v1::SessionResponse::kError:
      return refused(response.request_id(), response.error());
    case v1::SessionResponse::kRegistered:
    case v1::SessionResponse::kCancelled:
    case v1::SessionResponse::kSubscribed:
    case v1::SessionResponse::kUnsubscribed:
      return answered(std::move(response));
    default:
      // A pong, a credit, or something newer than this client.
      return std::nullopt;
  }
}

std::optional<Record> SessionState::next() {
  if (unread_.empty()) {
    return std::nullopt;
  }
  Unread oldest = std::move(unread_.front());
  unread_.pop_front();
  if (const auto* result = std::get_if<Result>(&oldest.record)) {
    ++read_since_grant_;
    read_behind_cursor_.insert(result->task().id());
    adopted_.erase(result->task().id());
  }
  advance(oldest.cursor);
  return std::move(oldest.record);
}

std::optional<v1::SessionRequest> SessionState::credit_due() {
  if (finished_ || read_since_grant_ * 2 < credit_) {
    return std::nullopt;
  }
  v1::SessionRequest request;
  request.mutable_credit()->set_results(read_since_grant_);
  read_since_grant_ = 0;
  return request;
}

void SessionState::take(v1::SessionResults frame) {
  for (v1::Result& result : *frame.mutable_results()) {
    if (read_behind_cursor_.contains(result.task().id())) {
      ++read_since_grant_;
    } else {
      unread_.push_back({Result(std::move(result)), ""});
    }
  }
  move(frame.cursor());
}

// Replaces an unread progress of the same task: a reader that pauses holds at most one for each.
void SessionState::take(v1::ProgressUpdate progress) {
  const auto of_same_task = [&](const Unread& unread) {
    const auto* waiting = std::get_if<Progress>(&unread.record);
    return waiting != nullptr && waiting->message.task_id() == progress.task_id();
  };
  const auto waiting = std::find_if(unread_.begin(), unread_.end(), of_same_task);
  if (waiting != unread_.end()) {
    waiting->record = Progress{std::move(progress)};
  } else {
    unread_.push_back({Progress{std::move(progress)}, ""});
  }
}

void SessionState::end(const v1::SessionGoodbye& goodbye) {
  move(goodbye.cursor());
  switch (goodbye.reason()) {
    case v1::END_REASON_SHUTDOWN:
      throw Closing(
          {.code = grpc::StatusCode::UNAVAILABLE, .reason = "CLOSING", .message = "the server is shutting down"});
    case v1::END_REASON_CREDIT_SPENT:
      starved_ = true;
      return;
    case v1::END_REASON_SLOW_READER:
      throw SlowReader({.code = grpc::StatusCode::RESOURCE_EXHAUSTED,
                        .reason = "SLOW_READER",
                        .message = "the session did not keep up with its results"});
    default:
      done_ = true;
  }
}

std::optional<Answer> SessionState::refused(const std::string& request_id, const v1::SessionError& refusal) {
  const ErrorPtr error = error_from_status(refusal.status());
  const auto pending = pending_.find(number_in(request_id));
  if (pending == pending_.end()) {
    error->raise();
  }
  if (dynamic_cast<const Closing*>(error.get()) != nullptr) {
    // The goodbye is on its way; the next connection sends the request again.
    return std::nullopt;
  }
  pending_.erase(pending);
  return Answer{request_id, error};
}

std::optional<Answer> SessionState::answered(v1::SessionResponse response) {
  const auto pending = pending_.find(number_in(response.request_id()));
  if (pending == pending_.end()) {
    // The answer to what an opening repeated. It must not move a reader that has not read what comes next.
    return std::nullopt;
  }
  const v1::SessionRequest request = std::move(pending->second);
  pending_.erase(pending);
  Answer answer{response.request_id(), {}};
  if (response.has_registered()) {
    std::vector<Registered> registered;
    for (v1::RegisterResult& result : *response.mutable_registered()->mutable_results()) {
      registered.push_back(registered_of(std::move(result)));
    }
    adopt(request.register_(), registered);
    answer.value = std::move(registered);
  } else if (response.has_cancelled()) {
    std::vector<CancelResult> cancelled;
    for (const v1::CancelResult& result : response.cancelled().results()) {
      cancelled.push_back(cancel_result_of(result));
    }
    answer.value = std::move(cancelled);
  } else if (response.has_subscribed()) {
    subscription_ = request.subscribe();
    move(response.subscribed().cursor());
    answer.value = response.subscribed().cursor();
  } else {
    subscription_.reset();
    answer.value = response.unsubscribed().cursor();
  }
  return answer;
}

void SessionState::adopt(const v1::SessionRegister& request, const std::vector<Registered>& answers) {
  for (std::size_t i = 0; i < answers.size() && i < static_cast<std::size_t>(request.tasks_size()); ++i) {
    if (answers[i].task && answers[i].task->session_id() != session_id_) {
      adopted_[answers[i].task->id()] = request.tasks(static_cast<int>(i));
    }
  }
}

std::vector<v1::SessionRequest> SessionState::adoptions() const {
  std::vector<v1::SessionRequest> requests;
  for (const auto& [id, spec] : adopted_) {
    if (requests.empty() || requests.back().register_().tasks_size() == kMaxBatch) {
      requests.emplace_back().set_request_id("adopt");
      requests.back().mutable_register_()->set_mode(v1::REGISTER_MODE_PER_ITEM);
    }
    *requests.back().mutable_register_()->add_tasks() = spec;
  }
  return requests;
}

void SessionState::move(const std::string& cursor) {
  if (unread_.empty()) {
    advance(cursor);
  } else if (!cursor.empty()) {
    unread_.back().cursor = cursor;
  }
}

void SessionState::advance(const std::string& cursor) {
  if (!cursor.empty()) {
    cursor_ = cursor;
    read_behind_cursor_.clear();
  }
}

}  // namespace millhand::internal
