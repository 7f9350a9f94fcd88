#include "patience.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "requests.h"

namespace millhand::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFirstDelay = milliseconds(100);
constexpr Duration kLongestDelay = seconds(5);
// What stands in for the server's advice about a full queue, where it gives none.
constexpr Duration kAdvice = seconds(1);
// How far past the advice a caller may wait, so that those who were refused together do not return together.
constexpr double kSpread = 0.5;

Duration scaled(Duration length, double factor) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::nano>(length) * factor);
}

bool worth_another_try(const Error& error) {
  return dynamic_cast<const Unavailable*>(&error) != nullptr || dynamic_cast<const TooManyStreams*>(&error) != nullptr;
}

}  // namespace

double random_share() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(random);
}

void Reconnect::progressed() {
  began_ = true;
  broken_at_.reset();
  tries_ = 0;
}

Duration Reconnect::delay_after(const Error& error, Clock::time_point now) {
  if (!began_ || !worth_another_try(error)) {
    error.raise();
  }
  if (!broken_at_) {
    broken_at_ = now;
  }
  if (patience_ && now - *broken_at_ >= *patience_) {
    error.raise();
  }
  const Duration grown = std::min(scaled(kFirstDelay, std::ldexp(1.0, std::min(tries_, 16))), kLongestDelay);
  ++tries_;
  return std::max(scaled(grown, random_share()), error.retry_after().value_or(Duration::zero()));
}

FullQueue::FullQueue(std::optional<Duration> retry_for, Clock::time_point now) {
  if (retry_for && *retry_for < Clock::time_point::max() - now) {
    give_up_at_ = now + *retry_for;
  } else if (retry_for) {
    give_up_at_ = Clock::time_point::max();
  }
}

std::optional<Duration> FullQueue::delay_after(const QueueFull& error, Clock::time_point now) const {
  const Duration advised = error.retry_after().value_or(kAdvice);
  if (!give_up_at_ || advised > *give_up_at_ - now) {
    return std::nullopt;
  }
  return std::min(advised + scaled(advised, kSpread * random_share()),
                  std::chrono::duration_cast<Duration>(*give_up_at_ - now));
}

std::vector<Registered> register_all(
    std::vector<v1::TaskSpec> specs, const FullQueue& patience,
    const std::function<std::vector<Registered>(const std::vector<v1::TaskSpec>&)>& send,
    const std::function<void(Duration)>& pause) {
  // Named before the first try: a spec that is sent twice must be the same task.
  std::for_each(specs.begin(), specs.end(), name);
  std::vector<Registered> answers(specs.size());
  std::vector<std::size_t> places(specs.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[i] = i;
  }
  while (true) {
    std::optional<Duration> delay;
    try {
      std::vector<Registered> sent = send(specs);
      std::vector<v1::TaskSpec> refused;
      std::vector<std::size_t> refused_places;
      for (std::size_t i = 0; i < sent.size() && i < specs.size(); ++i) {
        if (const auto* full = dynamic_cast<const QueueFull*>(sent[i].error.get())) {
          if (const auto advised = patience.delay_after(*full, Clock::now())) {
            delay = std::max(delay.value_or(Duration::zero()), *advised);
            refused.push_back(specs[i]);
            refused_places.push_back(places[i]);
          }
        }
        answers[places[i]] = std::move(sent[i]);
      }
      if (refused.empty()) {
        return answers;
      }
      specs = std::move(refused);
      places = std::move(refused_places);
    } catch (const QueueFull& full) {
      delay = patience.delay_after(full, Clock::now());
      if (!delay) {
        throw;
      }
    }
    pause(*delay);
  }
}

}  // namespace millhand::internal
