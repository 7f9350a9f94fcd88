package dev.millhand.client.errors;

/** No such schedule. */
public final class ScheduleNotFoundException extends NotFoundException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public ScheduleNotFoundException(ErrorDetails details) {
    super(details);
  }
}
