package dev.millhand.client.errors;

/** A cursor is not one that this service ever gave. */
public final class CursorInvalidException extends InvalidArgumentException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public CursorInvalidException(ErrorDetails details) {
    super(details);
  }
}
