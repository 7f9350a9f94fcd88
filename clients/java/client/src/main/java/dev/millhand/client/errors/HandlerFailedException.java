package dev.millhand.client.errors;

import dev.millhand.v1.Result;
import org.jspecify.annotations.Nullable;

/** The handler threw and no retry was left. */
public final class HandlerFailedException extends TaskFailedException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   * @param result the whole result, or null if a call was refused because the task had ended so
   *     before
   */
  public HandlerFailedException(ErrorDetails details, @Nullable Result result) {
    super(details, result);
  }
}
