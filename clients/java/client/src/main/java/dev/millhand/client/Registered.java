package dev.millhand.client;

import dev.millhand.client.errors.MillhandErrors;
import dev.millhand.client.errors.MillhandException;
import dev.millhand.v1.RegisterResult;
import dev.millhand.v1.Task;
import java.util.Optional;

/**
 * What became of one task of a batch: a task, or an error.
 *
 * @param task the task as it is now, without its payload; empty if it was refused
 * @param created whether it was registered now; false if it was known, or refused
 * @param error why it was refused; empty if it was not
 */
public record Registered(Optional<Task> task, boolean created, Optional<MillhandException> error) {

  /**
   * Returns the task.
   *
   * @throws MillhandException if it was refused
   */
  public Task orThrow() {
    if (error.isPresent()) {
      throw error.get();
    }
    return task.orElseThrow();
  }

  static Registered of(RegisterResult result) {
    return result.hasError()
        ? new Registered(Optional.empty(), false, Optional.of(MillhandErrors.of(result.getError())))
        : new Registered(Optional.of(result.getTask()), result.getCreated(), Optional.empty());
  }
}
