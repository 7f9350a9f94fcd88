package dev.millhand.client.errors;

/** No such queue. */
public final class QueueNotFoundException extends NotFoundException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public QueueNotFoundException(ErrorDetails details) {
    super(details);
  }
}
