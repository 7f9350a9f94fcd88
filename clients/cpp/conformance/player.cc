#include "player.h"

#include <exception>
#include <thread>
#include <vector>

#include "translation.h"

namespace millhand::conformance {
namespace {

ClientOptions options_of(const v1::Connection& connection) {
  return {.token = connection.token(),
          .insecure_token = connection.insecure_token(),
          .ca_pem = connection.ca_pem(),
          .certificate_pem = connection.certificate_pem(),
          .key_pem = connection.key_pem(),
          .name = "conformance"};
}

std::string cursor_in(const v1::Seen& seen) {
  switch (seen.what_case()) {
    case v1::Seen::kEnded:
      return seen.ended().cursor();
    case v1::Seen::kResult:
      return seen.result().cursor();
    case v1::Seen::kGap:
      return seen.gap().to_cursor();
    case v1::Seen::kBegun:
      return seen.begun().cursor();
    case v1::Seen::kPage:
      return seen.page().next_cursor();
    case v1::Seen::kCancelledTask:
      return seen.cancelled_task().cursor();
    default:
      return "";
  }
}

}  // namespace

Player::Player(v1::Case played, Write write) : case_(std::move(played)), write_(std::move(write)) {
  for (const v1::Step& step : case_.steps()) {
    stops_[step.name()];
  }
}

void Player::play() {
  try {
    Client client(case_.connection().address(), options_of(case_.connection()));
    std::vector<std::jthread> background;
    for (const v1::Step& step : case_.steps()) {
      if (step.background()) {
        background.emplace_back([&, step] { take(client, step); });
      } else {
        take(client, step);
      }
    }
    background.clear();
  } catch (const Error& error) {
    // There is no client: that is what its first use shows.
    v1::Seen seen;
    *seen.mutable_failure() = message_of(error);
    see(case_.steps_size() > 0 ? case_.steps(0).name() : "", std::move(seen));
  } catch (const std::exception& bug) {
    blame(bug.what());
  }
  v1::FromProgram done;
  done.mutable_done()->set_fault(fault_);
  write_(done);
}

void Player::go_on(const std::string& pause) {
  const std::scoped_lock lock(mutex_);
  gone_on_.insert(pause);
  changed_.notify_all();
}

void Player::see(const std::string& step, v1::Seen seen) {
  seen.set_step(step);
  const std::string cursor = cursor_in(seen);
  v1::FromProgram message;
  *message.mutable_seen() = std::move(seen);
  const std::scoped_lock lock(mutex_);
  write_(message);
  ++seen_[step];
  if (!cursor.empty()) {
    cursors_[step] = cursor;
  }
  changed_.notify_all();
}

void Player::pause(const std::string& step, const std::string& name) {
  if (name.empty()) {
    return;
  }
  v1::Seen seen;
  seen.set_paused(name);
  see(step, std::move(seen));
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return gone_on_.contains(name); });
}

std::string Player::cursor(const std::string& after) {
  if (!after.starts_with('$')) {
    return after;
  }
  const std::scoped_lock lock(mutex_);
  return cursors_[after.substr(1)];
}

void Player::stop(const std::string& step) { stops_.at(step).request_stop(); }

std::stop_token Player::stop_token(const std::string& step) { return stops_.at(step).get_token(); }

void Player::take(Client& client, const v1::Step& step) {
  try {
    await_turn(step);
    call(client, *this, step);
  } catch (const Error& error) {
    v1::Seen seen;
    *seen.mutable_failure() = message_of(error);
    see(step.name(), std::move(seen));
  } catch (const std::exception& bug) {
    blame(step.name() + ": " + bug.what());
  }
}

void Player::await_turn(const v1::Step& step) {
  if (step.after_step().empty()) {
    return;
  }
  std::unique_lock lock(mutex_);
  const int count = step.after_count() == 0 ? 1 : step.after_count();
  changed_.wait(lock, [&] { return seen_[step.after_step()] >= count; });
}

void Player::blame(const std::string& fault) {
  const std::scoped_lock lock(mutex_);
  fault_ = fault_.empty() ? fault : fault_ + "; " + fault;
}

}  // namespace millhand::conformance
