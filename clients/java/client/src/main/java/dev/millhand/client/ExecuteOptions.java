package dev.millhand.client;

import java.time.Duration;
import java.util.Optional;

/**
 * How to wait for a task. Immutable: each method returns other options.
 *
 * @param timeout how long to wait; empty is as long as the task takes
 * @param cancelsOnTimeout whether the server cancels a task that was not done in time; it goes on
 *     otherwise
 * @param cancelsWhenAbandoned whether the client cancels the task when the wait is broken off here:
 *     by an interrupt, or by cancelling the future
 * @param full whether the result's task has its payload
 */
public record ExecuteOptions(
    Optional<Duration> timeout,
    boolean cancelsOnTimeout,
    boolean cancelsWhenAbandoned,
    boolean full) {
  private static final ExecuteOptions DEFAULTS =
      new ExecuteOptions(Optional.empty(), false, false, false);

  /** Returns the options to wait as long as it takes, and to cancel nothing. */
  public static ExecuteOptions defaults() {
    return DEFAULTS;
  }

  /** Waits no longer than this; zero looks once. */
  public ExecuteOptions timeout(Duration timeout) {
    return new ExecuteOptions(Optional.of(timeout), cancelsOnTimeout, cancelsWhenAbandoned, full);
  }

  /** Has the server cancel the task when the timeout is over. */
  public ExecuteOptions cancelOnTimeout() {
    return new ExecuteOptions(timeout, true, cancelsWhenAbandoned, full);
  }

  /**
   * Cancels the task when the wait is broken off on this side. As sure as a message from a program
   * that is about to end: {@link #cancelOnTimeout()} does not need it to live.
   */
  public ExecuteOptions cancelWhenAbandoned() {
    return new ExecuteOptions(timeout, cancelsOnTimeout, true, full);
  }

  /** With the task's payload in the result. */
  public ExecuteOptions withPayload() {
    return new ExecuteOptions(timeout, cancelsOnTimeout, cancelsWhenAbandoned, true);
  }
}
