package dev.millhand.client.errors;

/** The client or the session is closed. */
public final class ClientClosedException extends MillhandException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public ClientClosedException(ErrorDetails details) {
    super(details);
  }
}
