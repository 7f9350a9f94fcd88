package dev.millhand.client;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** A clock that goes on by its pauses alone, and remembers them. */
final class FakeClock implements Clock {
  final List<Duration> pauses = new CopyOnWriteArrayList<>();
  private final AtomicLong now = new AtomicLong();

  @Override
  public long nanoTime() {
    return now.get();
  }

  @Override
  public CompletableFuture<Void> pause(Duration length) {
    pauses.add(length);
    now.addAndGet(length.toNanos());
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public double jitter() {
    return 0.5;
  }
}
