package dev.millhand.client.errors;

import dev.millhand.v1.Result;
import org.jspecify.annotations.Nullable;

/**
 * The task itself ran out of time (CONTEXT_DEADLINE_REACHED); {@code metadata().get("timeout")}
 * says which limit.
 */
public final class TaskTimedOutException extends TaskDidNotCompleteException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   * @param result the whole result, or null if a call was refused because the task had ended so
   *     before
   */
  public TaskTimedOutException(ErrorDetails details, @Nullable Result result) {
    super(details, result);
  }
}
