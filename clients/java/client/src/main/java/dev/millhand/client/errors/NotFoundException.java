package dev.millhand.client.errors;

/** What was named does not exist, or no longer. */
public sealed class NotFoundException extends MillhandException
    permits TaskNotFoundException, QueueNotFoundException, ScheduleNotFoundException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public NotFoundException(ErrorDetails details) {
    super(details);
  }
}
