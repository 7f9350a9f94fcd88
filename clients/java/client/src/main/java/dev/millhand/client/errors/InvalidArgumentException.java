package dev.millhand.client.errors;

/** A value is out of bounds, malformed or missing; {@link #violations()} name the fields. */
public sealed class InvalidArgumentException extends MillhandException
    permits InvalidTaskIdException,
        InvalidTaskFuncException,
        InvalidPayloadException,
        PayloadTooLargeException,
        CursorInvalidException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public InvalidArgumentException(ErrorDetails details) {
    super(details);
  }
}
