// When something is tried again: how soon, and when to give up.
#pragma once

#include <functional>

#include "millhand/errors.h"
#include "millhand/records.h"
#include "wire.h"

namespace millhand::internal {

/// A number from 0 to 1 that spreads out those who lost the same server together.
double random_share();

/// The patience of one stream. One that never began fails like any call; one that did is tried again for a while after
/// it broke, with full jitter.
class Reconnect {
 public:
  explicit Reconnect(std::optional<Duration> patience) : patience_(patience) {}

  /// Something came: the stream has begun, and what broke before is forgiven.
  void progressed();
  /// How long to wait before the next try. Throws `error` itself if that is of no use, or was tried for long enough.
  Duration delay_after(const Error& error, Clock::time_point now);

 private:
  std::optional<Duration> patience_;
  bool began_ = false;
  Deadline broken_at_;
  int tries_ = 0;
};

/// The patience of one caller with a full queue.
class FullQueue {
 public:
  /// `retry_for` from now on; unset is not at all.
  FullQueue(std::optional<Duration> retry_for, Clock::time_point now);

  /// How long to wait before the next try, never less than the server advises; unset if that would be too late.
  [[nodiscard]] std::optional<Duration> delay_after(const QueueFull& error, Clock::time_point now) const;

 private:
  Deadline give_up_at_;
};

/// Registers `specs`, which get ids where they need them, and again those that a full queue refused.
std::vector<Registered> register_all(
    std::vector<v1::TaskSpec> specs, const FullQueue& patience,
    const std::function<std::vector<Registered>(const std::vector<v1::TaskSpec>&)>& send,
    const std::function<void(Duration)>& pause);

}  // namespace millhand::internal
