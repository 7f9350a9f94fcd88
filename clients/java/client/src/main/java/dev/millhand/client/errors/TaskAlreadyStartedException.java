package dev.millhand.client.errors;

/** A task that is to be executed by id already runs. */
public final class TaskAlreadyStartedException extends FailedPreconditionException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public TaskAlreadyStartedException(ErrorDetails details) {
    super(details);
  }
}
