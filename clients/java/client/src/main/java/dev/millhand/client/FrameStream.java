package dev.millhand.client;

import dev.millhand.client.errors.DeadlineExceededException;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.MillhandException;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A stream of frames that is read by waiting for the next one. Holds a few frames, and no more. */
final class FrameStream<Q, T> {
  /** Frames asked for ahead of the reader. */
  private static final int AHEAD = 32;

  private final ClientCall<Q, ?> call;
  private final BlockingQueue<Signal<T>> signals = new LinkedBlockingQueue<>();

  /** A frame, or the end: with an error, or without. */
  private record Signal<T>(Optional<T> frame, Optional<MillhandException> error) {}

  private FrameStream(ClientCall<Q, ?> call) {
    this.call = call;
  }

  /**
   * Begins a call.
   *
   * @param reading makes of a message what is to be read; called by gRPC's threads
   */
  static <Q, R, T> FrameStream<Q, T> open(
      Wire wire, MethodDescriptor<Q, R> method, Q request, Function<R, T> reading) {
    ClientCall<Q, R> call = wire.open(method);
    FrameStream<Q, T> stream = new FrameStream<>(call);
    String requestId = Ids.newRequestId();
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onMessage(R frame) {
            stream.signals.add(new Signal<>(Optional.of(reading.apply(frame)), Optional.empty()));
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            Optional<MillhandException> error =
                status.isOk()
                    ? Optional.empty()
                    : Optional.of(wire.failure(status, trailers, requestId, Map.of()));
            stream.signals.add(new Signal<>(Optional.empty(), error));
          }
        },
        wire.headers(requestId));
    call.request(AHEAD);
    call.sendMessage(request);
    call.halfClose();
    return stream;
  }

  /**
   * Waits for the next frame; empty at the end. Not to be called again behind the end.
   *
   * @param limit how long to wait; empty is as long as it takes
   * @throws MillhandException if the stream ended with an error, or the time is over
   */
  Optional<T> read(Optional<Duration> limit) throws InterruptedException {
    Signal<T> signal =
        limit.isEmpty()
            ? signals.take()
            : signals.poll(limit.get().toNanos(), TimeUnit.NANOSECONDS);
    if (signal == null) {
      throw new DeadlineExceededException(
          ErrorDetails.of(Status.Code.DEADLINE_EXCEEDED, "", "the deadline of reading is over"));
    }
    if (signal.error().isPresent()) {
      throw signal.error().get();
    }
    if (signal.frame().isPresent()) {
      call.request(1);
    }
    return signal.frame();
  }

  /** Hangs up; whoever reads gets an error. Harmless when the stream is over. Thread-safe. */
  void cancel() {
    call.cancel("nobody reads any more", null);
  }
}
