package dev.millhand.client;

import dev.millhand.client.errors.MillhandException;
import java.time.Duration;

/** Decides whether something that failed is tried again. */
@FunctionalInterface
interface Patience {
  /**
   * How long to wait before the next try.
   *
   * @throws MillhandException the error itself, if trying again is of no use or was tried enough
   */
  Duration delayAfter(MillhandException error);
}
