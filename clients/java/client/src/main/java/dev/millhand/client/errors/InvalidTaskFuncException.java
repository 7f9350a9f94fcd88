package dev.millhand.client.errors;

/** The server has no handler of that name; the message names those it has. */
public final class InvalidTaskFuncException extends InvalidArgumentException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public InvalidTaskFuncException(ErrorDetails details) {
    super(details);
  }
}
