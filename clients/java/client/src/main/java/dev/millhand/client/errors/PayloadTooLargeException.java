package dev.millhand.client.errors;

/** A payload is larger than the server's limit {@code max_payload_bytes}. */
public final class PayloadTooLargeException extends InvalidArgumentException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public PayloadTooLargeException(ErrorDetails details) {
    super(details);
  }
}
