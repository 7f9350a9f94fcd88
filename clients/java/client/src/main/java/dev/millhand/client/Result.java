package dev.millhand.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.millhand.client.errors.ErrorDetails;
import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.TaskDidNotCompleteException;
import dev.millhand.client.errors.UnexpectedOutputException;
import dev.millhand.v1.Task;
import dev.millhand.v1.TaskStatus;
import io.grpc.Status;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a task ended.
 *
 * @param message the contract's own; everything else is read from it
 */
public record Result(dev.millhand.v1.Result message) implements LogRecord {

  /** Returns the task as it ended. */
  public Task task() {
    return message.getTask();
  }

  /** Returns how it ended; UNRECOGNIZED if that is newer than this client. */
  public TaskStatus status() {
    return message.getTask().getStatus();
  }

  /** Returns this result's place in the log: read after it to go on behind it. */
  public String cursor() {
    return message.getCursor();
  }

  /** Returns why there is no output; empty if the task completed. */
  public Optional<TaskDidNotCompleteException> error() {
    return MillhandErrors.of(message);
  }

  /**
   * Returns what the handler returned, as {@link Payloads} says; null if that is nothing.
   *
   * @throws TaskDidNotCompleteException if the task ended without an output
   */
  public @Nullable Object output() {
    Optional<TaskDidNotCompleteException> error = error();
    if (error.isPresent()) {
      throw error.get();
    }
    return Payloads.decode(message.getOutput());
  }

  /**
   * Returns what the handler returned, as this type: Map, List, String, Boolean, a number, byte[],
   * {@link Blob}, or a generated message.
   *
   * @param type the type; whole numbers fit Integer, Long and Double, others Double
   * @param <T> the type
   * @throws TaskDidNotCompleteException if the task ended without an output
   * @throws UnexpectedOutputException if the output is not of that type, null included
   */
  public <T> T output(Class<T> type) {
    Object output = output();
    Object fitting = type.isInstance(output) ? output : converted(output, type);
    if (fitting == null) {
      throw unexpected(output, type);
    }
    return type.cast(fitting);
  }

  /** Names the task without its output, which never goes into logs. */
  @Override
  public String toString() {
    return "Result[" + task().getId() + ", " + status() + ", cursor=" + cursor() + "]";
  }

  private static @Nullable Object converted(@Nullable Object output, Class<?> type) {
    if (output instanceof Any any && Message.class.isAssignableFrom(type)) {
      return unpacked(any, type.asSubclass(Message.class));
    }
    if (output instanceof Long whole && type == Integer.class) {
      return whole.intValue() == whole ? whole.intValue() : null;
    }
    if (output instanceof Long whole && type == Double.class) {
      return whole.doubleValue();
    }
    if (output instanceof byte[] bytes && type == Blob.class) {
      return Blob.of(bytes, "");
    }
    return output instanceof Blob blob && type == byte[].class ? blob.data().toByteArray() : null;
  }

  private static @Nullable Message unpacked(Any any, Class<? extends Message> type) {
    try {
      return any.is(type) ? any.unpack(type) : null;
    } catch (InvalidProtocolBufferException mangled) {
      return null;
    }
  }

  private UnexpectedOutputException unexpected(@Nullable Object output, Class<?> type) {
    String found =
        output instanceof Any any
            ? "a message of " + any.getTypeUrl()
            : output == null ? "null" : "a " + output.getClass().getSimpleName();
    return new UnexpectedOutputException(
        new ErrorDetails(
            Status.Code.FAILED_PRECONDITION,
            "",
            "the output is " + found + " and no " + type.getSimpleName(),
            Map.of("task_id", task().getId()),
            List.of(),
            Optional.empty(),
            ""));
  }
}
