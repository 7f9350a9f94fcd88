package dev.millhand.client.errors;

/**
 * A task that is to be executed by id is already final; {@code metadata().get("status")} says how
 * it ended.
 */
public final class TaskCompletedException extends FailedPreconditionException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public TaskCompletedException(ErrorDetails details) {
    super(details);
  }
}
