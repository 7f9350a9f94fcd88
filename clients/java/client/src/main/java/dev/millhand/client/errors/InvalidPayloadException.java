package dev.millhand.client.errors;

/** A payload cannot be sent as it is, or does not fit what the handler takes. */
public final class InvalidPayloadException extends InvalidArgumentException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public InvalidPayloadException(ErrorDetails details) {
    super(details);
  }
}
