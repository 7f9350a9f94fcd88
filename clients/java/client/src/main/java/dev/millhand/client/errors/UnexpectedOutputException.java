package dev.millhand.client.errors;

/**
 * A task completed, and its output is not of the type that was asked for. Asking again gives the
 * same.
 */
public final class UnexpectedOutputException extends MillhandException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public UnexpectedOutputException(ErrorDetails details) {
    super(details);
  }
}
