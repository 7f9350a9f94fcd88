package dev.millhand.client.errors;

/** The server has lost its store for now. */
public final class StoreUnavailableException extends UnavailableException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public StoreUnavailableException(ErrorDetails details) {
    super(details);
  }
}
