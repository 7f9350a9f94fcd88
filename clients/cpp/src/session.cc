#include "millhand/session.h"

#include <algorithm>
#include <memory>

#include "live_session.h"
#include "patience.h"
#include "requests.h"
#include "status.h"

namespace millhand {
namespace {

using internal::Answer;
using internal::LiveSession;

v1::SessionRequest registering(const std::vector<v1::TaskSpec>& specs, v1::RegisterMode mode) {
  v1::SessionRequest request;
  request.mutable_register_()->mutable_tasks()->Assign(specs.begin(), specs.end());
  request.mutable_register_()->set_mode(mode);
  return request;
}

v1::SessionRequest cancelling(const std::vector<std::string>& ids, const std::string& reason) {
  v1::SessionRequest request;
  request.mutable_cancel()->mutable_ids()->Assign(ids.begin(), ids.end());
  request.mutable_cancel()->set_reason(reason);
  return request;
}

}  // namespace

Session::Session(std::unique_ptr<LiveSession> live) : live_(std::move(live)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const std::string& Session::id() const { return live_->id(); }

std::string Session::cursor() const { return live_->cursor(); }

v1::Task Session::register_task(v1::TaskSpec spec, const RegisterOptions& options) {
  std::vector<Registered> answers = register_tasks({std::move(spec)}, v1::REGISTER_MODE_PER_ITEM, options);
  if (answers.empty()) {
    throw internal::local<InternalError>(grpc::StatusCode::INTERNAL, "the answer is about no task");
  }
  if (answers.front().error != nullptr) {
    answers.front().error->raise();
  }
  return std::move(*answers.front().task);
}

std::vector<Registered> Session::register_tasks(std::vector<v1::TaskSpec> specs, v1::RegisterMode mode,
                                                const RegisterOptions& options) {
  const auto send = [&](const std::vector<v1::TaskSpec>& batch) {
    return std::get<std::vector<Registered>>(live_->ask(registering(batch, mode)).value);
  };
  const internal::FullQueue patience(options.retry_when_full, internal::Clock::now());
  return internal::register_all(std::move(specs), patience, send,
                                [&](Duration delay) { live_->wire().pause(delay, live_->limits()); });
}

std::future<std::vector<Registered>> Session::register_soon(std::vector<v1::TaskSpec> specs, v1::RegisterMode mode) {
  std::for_each(specs.begin(), specs.end(), internal::name);
  auto promise = std::make_shared<std::promise<std::vector<Registered>>>();
  std::future<std::vector<Registered>> future = promise->get_future();
  live_->send(registering(specs, mode), [promise](Answer answer) {
    try {
      if (const auto* error = std::get_if<ErrorPtr>(&answer.value)) {
        (*error)->raise();
      }
      promise->set_value(std::get<std::vector<Registered>>(std::move(answer.value)));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  });
  return future;
}

std::vector<CancelResult> Session::cancel(const std::vector<std::string>& ids, const std::string& reason) {
  return std::get<std::vector<CancelResult>>(live_->ask(cancelling(ids, reason)).value);
}

std::string Session::subscribe(const SubscribeOptions& options) {
  v1::SessionRequest request;
  v1::SessionSubscribe& subscribe = *request.mutable_subscribe();
  internal::set(*subscribe.mutable_filter(), options.filter);
  subscribe.set_after(options.after);
  subscribe.set_include_progress(options.include_progress);
  subscribe.set_view(internal::view(options.full));
  subscribe.set_scope(options.everyone ? v1::SUBSCRIBE_SCOPE_FILTER : v1::SUBSCRIBE_SCOPE_OWN);
  return std::get<std::string>(live_->ask(std::move(request)).value);
}

std::string Session::unsubscribe() {
  v1::SessionRequest request;
  request.mutable_unsubscribe();
  return std::get<std::string>(live_->ask(std::move(request)).value);
}

std::optional<Record> Session::next() { return live_->next(); }
void Session::finish() { live_->finish(); }
void Session::close(std::optional<Duration> timeout) { live_->close(timeout); }
void Session::hang_up() { live_->hang_up(); }

}  // namespace millhand
