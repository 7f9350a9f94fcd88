package dev.millhand.client.errors;

/** The server is shutting down. */
public final class ClosingException extends UnavailableException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public ClosingException(ErrorDetails details) {
    super(details);
  }
}
