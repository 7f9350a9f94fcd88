package dev.millhand.client.errors;

/** The server has as many streams open as it may. */
public final class TooManyStreamsException extends ResourceExhaustedException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public TooManyStreamsException(ErrorDetails details) {
    super(details);
  }
}
