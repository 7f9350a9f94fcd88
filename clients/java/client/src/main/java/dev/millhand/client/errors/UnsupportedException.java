package dev.millhand.client.errors;

/** The server does not honour a field, a value or a call (yet); the message names it. */
public final class UnsupportedException extends MillhandException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public UnsupportedException(ErrorDetails details) {
    super(details);
  }
}
