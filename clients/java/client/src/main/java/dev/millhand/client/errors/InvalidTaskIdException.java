package dev.millhand.client.errors;

/** A task id is missing, too long or not printable. */
public final class InvalidTaskIdException extends InvalidArgumentException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public InvalidTaskIdException(ErrorDetails details) {
    super(details);
  }
}
