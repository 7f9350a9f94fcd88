package dev.millhand.client.errors;

/** The server cannot be reached or does not serve now. */
public sealed class UnavailableException extends MillhandException
    permits ClosingException, StoreUnavailableException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public UnavailableException(ErrorDetails details) {
    super(details);
  }
}
