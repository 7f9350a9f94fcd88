package dev.millhand.client;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Time as a client needs it: what it is, and pauses. Tests have one of their own. */
interface Clock {
  /** Nanoseconds from anywhere. */
  long nanoTime();

  /** A future that is complete when the pause is over. */
  CompletableFuture<Void> pause(Duration length);

  /** A number from 0 to 1, to spread by those who were lost together. */
  double jitter();

  /** Real time, whose pauses are cut short when the client is closed. */
  final class OfSystem implements Clock {
    private final Set<CompletableFuture<Void>> pauses = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    @Override
    public long nanoTime() {
      return System.nanoTime();
    }

    @Override
    public CompletableFuture<Void> pause(Duration length) {
      CompletableFuture<Void> pause = new CompletableFuture<>();
      pauses.add(pause);
      pause.whenComplete((nothing, error) -> pauses.remove(pause));
      if (closed) {
        pause.complete(null);
      }
      return pause.completeOnTimeout(null, length.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public double jitter() {
      return ThreadLocalRandom.current().nextDouble();
    }

    void close() {
      closed = true;
      pauses.forEach(pause -> pause.complete(null));
    }
  }
}
