package dev.millhand.client.errors;

/** The queue holds as many tasks as it may; {@link #retryAfter()} says when to try again. */
public final class QueueFullException extends ResourceExhaustedException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public QueueFullException(ErrorDetails details) {
    super(details);
  }
}
