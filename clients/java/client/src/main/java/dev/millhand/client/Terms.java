package dev.millhand.client;

import java.time.Duration;
import java.util.Optional;

/**
 * What the calls of a client keep to.
 *
 * @param callTimeout how long one call may take beside what it waits for; empty is no limit
 * @param deadline how long one operation may take with all its retries; empty is no limit
 * @param patience how long a lost server is tried again; empty is for ever
 * @param retryWhenFull for how long to try again while the queue is full; empty is not at all
 * @param name what this program calls itself in a session
 */
record Terms(
    Optional<Duration> callTimeout,
    Optional<Duration> deadline,
    Optional<Duration> patience,
    Optional<Duration> retryWhenFull,
    String name) {

  Terms withDeadline(Duration limit) {
    return new Terms(callTimeout, Optional.of(limit), patience, retryWhenFull, name);
  }

  Terms withRetryWhenFull(Duration limit) {
    return new Terms(callTimeout, deadline, patience, Optional.of(limit), name);
  }

  /** The limit of a call that does not wait for anything. */
  Optional<Duration> limit() {
    return limit(Optional.of(Duration.ZERO));
  }

  /**
   * The limit of a call that waits: behind the wait, so that the server's own answer comes first.
   */
  Optional<Duration> limit(Optional<Duration> wait) {
    Optional<Duration> behind = wait.flatMap(one -> callTimeout.map(one::plus));
    if (deadline.isEmpty() || behind.isEmpty()) {
      return deadline.or(() -> behind);
    }
    return deadline.get().compareTo(behind.get()) < 0 ? deadline : behind;
  }
}
