package dev.millhand.client;

import dev.millhand.client.errors.CallCancelledException;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.MillhandErrors;
import io.grpc.Status;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;

/**
 * What {@link CompletableFuture} lacks: cancellation that goes back to the source, and its wait.
 */
final class Futures {
  private Futures() {}

  /** A future of the function's value, whose cancellation is the source's. */
  static <A, B> CompletableFuture<B> map(CompletableFuture<A> source, Function<A, B> function) {
    CompletableFuture<B> mapped = new Mapped<>(source);
    source.whenComplete(
        (value, error) -> {
          if (error != null) {
            mapped.completeExceptionally(unwrapped(error));
            return;
          }
          try {
            mapped.complete(function.apply(value));
          } catch (RuntimeException refusal) {
            mapped.completeExceptionally(refusal);
          }
        });
    return mapped;
  }

  /**
   * Waits. An interrupt cancels the future, and is kept.
   *
   * @throws CallCancelledException if the thread was interrupted or the future cancelled
   */
  static <T> T join(CompletableFuture<T> future) {
    try {
      return future.get();
    } catch (InterruptedException interrupt) {
      future.cancel(true);
      throw interrupted(interrupt);
    } catch (CancellationException cancellation) {
      throw new CallCancelledException(
          ErrorDetails.of(Status.Code.CANCELLED, "", "the call was cancelled"));
    } catch (ExecutionException failure) {
      throw rethrown(failure.getCause());
    }
  }

  /** Keeps the interrupt, and says what came of it. */
  static CallCancelledException interrupted(InterruptedException interrupt) {
    Thread.currentThread().interrupt();
    CallCancelledException error =
        new CallCancelledException(
            ErrorDetails.of(Status.Code.CANCELLED, "", "the waiting thread was interrupted"));
    error.initCause(interrupt);
    return error;
  }

  private static RuntimeException rethrown(Throwable cause) {
    if (cause instanceof Error error) {
      throw error;
    }
    if (cause instanceof RuntimeException error) {
      // Of another thread: what this one was about is to be seen, too.
      error.addSuppressed(new CompletionException("was waited for here", null));
      return error;
    }
    return MillhandErrors.of(cause);
  }

  private static Throwable unwrapped(Throwable error) {
    return error instanceof CompletionException && error.getCause() != null
        ? error.getCause()
        : error;
  }

  private static final class Mapped<B> extends CompletableFuture<B> {
    private final CompletableFuture<?> source;

    Mapped(CompletableFuture<?> source) {
      this.source = source;
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
      source.cancel(mayInterruptIfRunning);
      return super.cancel(mayInterruptIfRunning);
    }
  }
}
