package dev.millhand.client;

import dev.millhand.client.errors.MillhandException;
import dev.millhand.client.errors.UnavailableException;
import java.time.Duration;

/** Tries a call five times that could not reach the server. */
final class Retries implements Patience {
  private static final int MOST_TRIES = 5;
  private static final Duration FIRST_DELAY = Duration.ofMillis(200);

  private final Clock clock;
  private int tries = 0;

  Retries(Clock clock) {
    this.clock = clock;
  }

  @Override
  public Duration delayAfter(MillhandException error) {
    tries++;
    if (tries == MOST_TRIES || !(error instanceof UnavailableException)) {
      throw error;
    }
    double delay = FIRST_DELAY.toMillis() * Math.pow(2, tries - 1) * (0.8 + 0.4 * clock.jitter());
    Duration own = Duration.ofMillis((long) delay);
    return error.retryAfter().filter(advice -> advice.compareTo(own) > 0).orElse(own);
  }
}
