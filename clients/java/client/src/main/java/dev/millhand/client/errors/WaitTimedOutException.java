package dev.millhand.client.errors;

/** The wait for a task is over, not the task: it goes on unless it was to be cancelled. */
public final class WaitTimedOutException extends DeadlineExceededException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public WaitTimedOutException(ErrorDetails details) {
    super(details);
  }
}
