package dev.millhand.client.errors;

/** No such task: never registered, or past its retention. */
public final class TaskNotFoundException extends NotFoundException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public TaskNotFoundException(ErrorDetails details) {
    super(details);
  }
}
