package dev.millhand.client.errors;

import dev.millhand.v1.Result;
import org.jspecify.annotations.Nullable;

/** The task was CANCELLED. */
public final class TaskCancelledException extends TaskDidNotCompleteException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   * @param result the whole result, or null if a call was refused because the task had ended so
   *     before
   */
  public TaskCancelledException(ErrorDetails details, @Nullable Result result) {
    super(details, result);
  }
}
