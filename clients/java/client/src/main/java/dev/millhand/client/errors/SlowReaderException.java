package dev.millhand.client.errors;

/** The server ended a stream whose reader did not keep up; it can be resumed by cursor. */
public final class SlowReaderException extends ResourceExhaustedException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public SlowReaderException(ErrorDetails details) {
    super(details);
  }
}
