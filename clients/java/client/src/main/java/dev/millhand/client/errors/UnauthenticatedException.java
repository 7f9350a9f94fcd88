package dev.millhand.client.errors;

/** The token is missing or unknown. */
public final class UnauthenticatedException extends MillhandException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public UnauthenticatedException(ErrorDetails details) {
    super(details);
  }
}
