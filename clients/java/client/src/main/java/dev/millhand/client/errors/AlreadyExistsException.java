package dev.millhand.client.errors;

/** The id or the idempotency key belongs to a task with other content. */
public final class AlreadyExistsException extends MillhandException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public AlreadyExistsException(ErrorDetails details) {
    super(details);
  }
}
