package dev.millhand.client.errors;

/** A worker answered for a task that is no longer its own. */
public final class LeaseLostException extends FailedPreconditionException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public LeaseLostException(ErrorDetails details) {
    super(details);
  }
}
