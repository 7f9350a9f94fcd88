package dev.millhand.client;

import dev.millhand.client.errors.CallCancelledException;
import dev.millhand.client.errors.ClientClosedException;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** One long-lived channel, and calls on it. Thread-safe. */
final class Wire implements AutoCloseable {
  static final Metadata.Key<String> AUTHORIZATION = key("authorization");
  static final Metadata.Key<String> REQUEST_ID = key("x-request-id");

  /** In which ExecuteTask names its task before there is a result. */
  private static final Metadata.Key<String> TASK_ID = key("millhand-task-id");

  private final ManagedChannel channel;
  private final String token;
  private final Clock clock;
  private volatile boolean closed;

  Wire(ManagedChannel channel, String token, Clock clock) {
    this.channel = channel;
    this.token = token;
    this.clock = clock;
  }

  Clock clock() {
    return clock;
  }

  ManagedChannel channel() {
    return channel;
  }

  /** A call that is the same when repeated, so that it is tried until it reaches the server. */
  <Q, R> CompletableFuture<R> call(
      MethodDescriptor<Q, R> method, Q request, Optional<Duration> limit) {
    return call(method, request, limit, "", () -> {});
  }

  /**
   * As above.
   *
   * @param taskId what the call is about, for errors; may be empty
   * @param onBegun called when the server is known to be at work
   */
  <Q, R> CompletableFuture<R> call(
      MethodDescriptor<Q, R> method,
      Q request,
      Optional<Duration> limit,
      String taskId,
      Runnable onBegun) {
    long began = clock.nanoTime();
    Retries retries = new Retries(clock);
    return Attempts.begin(
        () -> once(method, request, limit.map(one -> left(one, began)), taskId, onBegun),
        error -> {
          Duration delay = retries.delayAfter(error);
          if (closed || limit.isPresent() && left(limit.get(), began).compareTo(delay) <= 0) {
            throw error;
          }
          return delay;
        },
        clock);
  }

  /** A call that must not happen twice. */
  <Q, R> CompletableFuture<R> callOnce(
      MethodDescriptor<Q, R> method, Q request, Optional<Duration> limit) {
    return once(method, request, limit, "", () -> {});
  }

  /** A call whose messages are the caller's business, and the metadata that it starts with. */
  <Q, R> ClientCall<Q, R> open(MethodDescriptor<Q, R> method) {
    refuseIfClosed();
    // Waits as long as the pauses of this client say, and no longer.
    channel.resetConnectBackoff();
    return channel.newCall(method, CallOptions.DEFAULT);
  }

  Metadata headers(String requestId) {
    Metadata headers = new Metadata();
    headers.put(REQUEST_ID, requestId);
    if (!token.isEmpty()) {
      headers.put(AUTHORIZATION, "Bearer " + token);
    }
    return headers;
  }

  /** What the end of a call amounts to. */
  MillhandException failure(
      Status status, Metadata trailers, String requestId, Map<String, String> known) {
    if (closed) {
      return new CallCancelledException(
          ErrorDetails.of(Status.Code.CANCELLED, "", "the client was closed"));
    }
    return MillhandErrors.of(status, trailers, requestId, known);
  }

  /** Cancels what is under way and closes the connection. */
  @Override
  public void close() {
    closed = true;
    channel.shutdownNow();
    if (clock instanceof Clock.OfSystem system) {
      system.close();
    }
  }

  private <Q, R> CompletableFuture<R> once(
      MethodDescriptor<Q, R> method,
      Q request,
      Optional<Duration> limit,
      String taskId,
      Runnable onBegun) {
    refuseIfClosed();
    channel.resetConnectBackoff();
    CallOptions options =
        limit
            .map(one -> CallOptions.DEFAULT.withDeadlineAfter(one.toNanos(), TimeUnit.NANOSECONDS))
            .orElse(CallOptions.DEFAULT);
    String requestId = Ids.newRequestId();
    AtomicReference<String> known = new AtomicReference<>(taskId);
    UnaryCall.Caller caller =
        new UnaryCall.Caller() {
          @Override
          public void began(Metadata headers) {
            String named = headers.get(TASK_ID);
            if (named != null) {
              known.set(named);
              onBegun.run();
            }
          }

          @Override
          public Throwable failed(Status status, Metadata trailers) {
            Map<String, String> about =
                known.get().isEmpty() ? Map.of() : Map.of("task_id", known.get());
            return failure(status, trailers, requestId, about);
          }
        };
    return UnaryCall.begin(channel.newCall(method, options), request, headers(requestId), caller);
  }

  private Duration left(Duration limit, long began) {
    return limit.minusNanos(clock.nanoTime() - began);
  }

  private void refuseIfClosed() {
    if (closed) {
      throw new ClientClosedException(
          ErrorDetails.of(Status.Code.CANCELLED, "", "the client is closed"));
    }
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }
}
