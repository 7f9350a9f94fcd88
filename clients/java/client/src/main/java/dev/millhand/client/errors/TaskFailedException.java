package dev.millhand.client.errors;

import dev.millhand.v1.Result;
import org.jspecify.annotations.Nullable;

/** The task FAILED. A handler that gave a reason of its own is quoted by {@link #reason()}. */
public sealed class TaskFailedException extends TaskDidNotCompleteException
    permits HandlerFailedException, WorkerLostException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   * @param result the whole result, or null if a call was refused because the task had ended so
   *     before
   */
  public TaskFailedException(ErrorDetails details, @Nullable Result result) {
    super(details, result);
  }
}
