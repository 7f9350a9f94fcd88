package dev.millhand.client.errors;

/** The task's status does not allow the operation. */
public sealed class FailedPreconditionException extends MillhandException
    permits TaskAlreadyStartedException, TaskCompletedException, LeaseLostException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public FailedPreconditionException(ErrorDetails details) {
    super(details);
  }
}
