package dev.millhand.client;

import dev.millhand.client.errors.ClosingException;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.ResultsMissedException;
import dev.millhand.client.errors.SlowReaderException;
import dev.millhand.v1.End;
import dev.millhand.v1.EndReason;
import io.grpc.Status;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A reader's place in the log across connections: a frame moves the cursor, a new request starts
 * from it. Not thread-safe.
 */
final class Resume<T> {
  private final boolean outlivesShutdown;
  private final @Nullable Consumer<Gap> onGap;
  private String cursor;
  private boolean done = false;

  /**
   * What a frame says.
   *
   * @param record what it brings for the reader
   * @param gap what is missing here
   * @param end why the stream ends
   * @param cursor how far the log has been read; may be empty
   */
  record Frame<T>(Optional<T> record, Optional<Gap> gap, Optional<End> end, String cursor) {}

  Resume(String after, boolean outlivesShutdown, @Nullable Consumer<Gap> onGap) {
    this.cursor = after;
    this.outlivesShutdown = outlivesShutdown;
    this.onGap = onGap;
  }

  /** Everything up to here has been received; empty until the server has named a place. */
  String cursor() {
    return cursor;
  }

  /** The server said that nothing more comes. */
  boolean isDone() {
    return done;
  }

  /**
   * Returns the record in a frame; empty if it only moved the cursor or ended the reading.
   *
   * @throws ClosingException if the server shuts down, and another connection may go on
   * @throws SlowReaderException if the server gave up on this reader
   */
  Optional<T> receive(Frame<T> frame) {
    // A gap's own end stands in for a cursor that the frame may lack.
    String reached =
        frame.cursor().isEmpty() ? frame.gap().map(Gap::cursor).orElse("") : frame.cursor();
    if (!reached.isEmpty()) {
      cursor = reached;
    }
    frame.end().ifPresent(this::end);
    Consumer<Gap> instead = onGap;
    if (frame.gap().isPresent() && instead != null) {
      instead.accept(frame.gap().get());
      return Optional.empty();
    }
    return frame.record();
  }

  static ResultsMissedException missed(Gap gap) {
    String count = gap.missed().isPresent() ? String.valueOf(gap.missed().getAsLong()) : "some";
    return new ResultsMissedException(
        ErrorDetails.of(Status.Code.DATA_LOSS, "", count + " results cannot be given any more"),
        gap.message());
  }

  private void end(End end) {
    if (end.getReason() == EndReason.END_REASON_SHUTDOWN && outlivesShutdown) {
      throw closing(end.getMessage());
    }
    if (end.getReason() == EndReason.END_REASON_SLOW_READER) {
      throw slowReader(end.getMessage());
    }
    done = true;
  }

  static ClosingException closing(String message) {
    String sentence = message.isEmpty() ? "the server is shutting down" : message;
    return new ClosingException(ErrorDetails.of(Status.Code.UNAVAILABLE, "CLOSING", sentence));
  }

  static SlowReaderException slowReader(String message) {
    String sentence = message.isEmpty() ? "the reader did not keep up" : message;
    return new SlowReaderException(
        ErrorDetails.of(Status.Code.RESOURCE_EXHAUSTED, "SLOW_READER", sentence));
  }
}
