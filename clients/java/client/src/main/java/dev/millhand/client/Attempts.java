package dev.millhand.client;

import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A future of something that is tried until it succeeds or patience ends. Cancelling it cancels the
 * try that is under way.
 */
final class Attempts<T> extends CompletableFuture<T> {
  private final Supplier<CompletableFuture<T>> attempt;
  private final Patience patience;
  private final Clock clock;
  private volatile @Nullable CompletableFuture<?> underWay;

  private Attempts(Supplier<CompletableFuture<T>> attempt, Patience patience, Clock clock) {
    this.attempt = attempt;
    this.patience = patience;
    this.clock = clock;
  }

  /** Begins the first try, in the caller's thread. */
  static <T> CompletableFuture<T> begin(
      Supplier<CompletableFuture<T>> attempt, Patience patience, Clock clock) {
    Attempts<T> attempts = new Attempts<>(attempt, patience, clock);
    attempts.next();
    return attempts;
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    CompletableFuture<?> current = underWay;
    if (cancelled && current != null) {
      current.cancel(mayInterruptIfRunning);
    }
    return cancelled;
  }

  private void next() {
    if (isDone()) {
      return;
    }
    CompletableFuture<T> current;
    try {
      current = attempt.get();
    } catch (MillhandException refusal) {
      completeExceptionally(refusal);
      return;
    }
    hold(current);
    current.whenComplete(
        (value, error) -> {
          if (error == null) {
            complete(value);
          } else {
            again(MillhandErrors.of(error));
          }
        });
  }

  private void again(MillhandException error) {
    try {
      CompletableFuture<Void> pause = clock.pause(patience.delayAfter(error));
      hold(pause);
      pause.thenRunAsync(this::next);
    } catch (MillhandException last) {
      completeExceptionally(last);
    }
  }

  /** Cancels what was begun just when this was cancelled. */
  private void hold(CompletableFuture<?> current) {
    underWay = current;
    if (isCancelled()) {
      current.cancel(true);
    }
  }
}
