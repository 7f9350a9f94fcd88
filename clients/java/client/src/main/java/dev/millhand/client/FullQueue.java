package dev.millhand.client;

import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.QueueFullException;
import java.time.Duration;
import java.util.Optional;

/** The patience of one caller with a full queue: as often as the server advises. Immutable. */
final class FullQueue implements Patience {
  /** What stands in for the server's advice, where it gives none. */
  private static final Duration DEFAULT_DELAY = Duration.ofSeconds(1);

  /** How far past the advice, so that those who were refused together do not return together. */
  private static final double SPREAD = 0.5;

  private final Clock clock;
  private final Optional<Duration> patience;
  private final long began;

  /**
   * Begins to be patient.
   *
   * @param patience for how long from now on; empty is not at all
   */
  FullQueue(Clock clock, Optional<Duration> patience) {
    this.clock = clock;
    this.patience = patience;
    this.began = clock.nanoTime();
  }

  @Override
  public Duration delayAfter(MillhandException error) {
    if (!(error instanceof QueueFullException) || patience.isEmpty()) {
      throw error;
    }
    Duration left = patience.get().minusNanos(clock.nanoTime() - began);
    Duration advised = error.retryAfter().orElse(DEFAULT_DELAY);
    if (advised.compareTo(left) > 0) {
      throw error;
    }
    Duration spread = Duration.ofNanos((long) (advised.toNanos() * SPREAD * clock.jitter()));
    Duration delay = advised.plus(spread);
    return delay.compareTo(left) < 0 ? delay : left;
  }
}
