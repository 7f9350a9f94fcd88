package dev.millhand.client.errors;

import dev.millhand.v1.Result;
import dev.millhand.v1.Task;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A task ended without an output. {@link #reason()} and {@link #description()} are the handler's
 * own where it gave them.
 */
public sealed class TaskDidNotCompleteException extends MillhandException
    permits TaskFailedException, TaskCancelledException, TaskTimedOutException {

  private final @Nullable Result result;

  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   * @param result the whole result, or null if a call was refused because the task had ended so
   *     before
   */
  public TaskDidNotCompleteException(ErrorDetails details, @Nullable Result result) {
    super(details);
    this.result = result;
  }

  /**
   * Returns the whole result; empty when a call was refused because the task had ended so before.
   */
  public Optional<Result> result() {
    return Optional.ofNullable(result);
  }

  /** Returns the task as it ended, where the server told. */
  public Optional<Task> task() {
    return result().map(Result::getTask);
  }
}
