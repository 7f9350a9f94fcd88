package dev.millhand.client.errors;

/** No answer came in time. What was asked for may have happened. */
public sealed class DeadlineExceededException extends MillhandException
    permits WaitTimedOutException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public DeadlineExceededException(ErrorDetails details) {
    super(details);
  }
}
