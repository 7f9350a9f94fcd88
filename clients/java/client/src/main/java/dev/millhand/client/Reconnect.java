package dev.millhand.client;

import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.TooManyStreamsException;
import dev.millhand.client.errors.UnavailableException;
import java.time.Duration;
import java.util.Optional;

/**
 * The patience of one stream. One that never began fails like any call. One that did is tried again
 * for as long as the client says after it broke, with full jitter, for the loss is likely to be the
 * server's and to hit everybody at once. Not thread-safe.
 */
final class Reconnect implements Patience {
  private static final double FIRST_DELAY_MS = 100;
  private static final double LONGEST_DELAY_MS = 5_000;

  private final Clock clock;
  private final Optional<Duration> patience;
  private final Retries beginning;
  private boolean began = false;
  private int tries = 0;
  private long brokenAt = 0;

  Reconnect(Clock clock, Optional<Duration> patience) {
    this.clock = clock;
    this.patience = patience;
    this.beginning = new Retries(clock);
  }

  /** Something came: the stream has begun, and what broke before is forgiven. */
  void progressed() {
    began = true;
    tries = 0;
  }

  @Override
  public Duration delayAfter(MillhandException error) {
    if (!began) {
      return beginning.delayAfter(error);
    }
    if (!(error instanceof UnavailableException || error instanceof TooManyStreamsException)) {
      throw error;
    }
    if (tries == 0) {
      brokenAt = clock.nanoTime();
    }
    double longest = Math.min(FIRST_DELAY_MS * Math.pow(2, tries), LONGEST_DELAY_MS);
    tries++;
    Duration own = Duration.ofMillis((long) (longest * clock.jitter()));
    Duration delay = error.retryAfter().filter(one -> one.compareTo(own) > 0).orElse(own);
    Duration lost = Duration.ofNanos(clock.nanoTime() - brokenAt);
    if (patience.isPresent() && lost.plus(delay).compareTo(patience.get()) > 0) {
      throw error;
    }
    return delay;
  }
}
