package dev.millhand.client.errors;

/** A fault of the server; its log tells more under {@link #requestId()}. */
public final class InternalErrorException extends MillhandException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public InternalErrorException(ErrorDetails details) {
    super(details);
  }
}
