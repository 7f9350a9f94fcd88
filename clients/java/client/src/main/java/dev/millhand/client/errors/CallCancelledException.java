package dev.millhand.client.errors;

/** The call was cancelled on this side: its thread was interrupted, or the client was closed. */
public final class CallCancelledException extends MillhandException {
  /**
   * Made by the client; public for the sake of tests.
   *
   * @param details what the error says
   */
  public CallCancelledException(ErrorDetails details) {
    super(details);
  }
}
